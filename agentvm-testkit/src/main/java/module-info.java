/** Tests without KVM: a hypervisor in memory, the contract that it keeps, a simulator of libvirt's network filters. */
module dev.agentvm.testkit {
    requires static transitive org.jspecify;
    requires transitive dev.agentvm.api;
    requires java.xml;
    requires static org.junit.jupiter.api;

    exports dev.agentvm.testkit;
}
