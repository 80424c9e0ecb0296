/** Tests without KVM: a simulator of what libvirt's network filters do to packets. */
module dev.agentvm.testkit {
    requires static transitive org.jspecify;
    requires transitive dev.agentvm.api;
    requires java.xml;

    exports dev.agentvm.testkit;
}
