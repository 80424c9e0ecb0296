/**
 * Tests without KVM: a hypervisor in memory, the contract that it keeps, a simulator of libvirt's network filters. The
 * packages for JUnit, jqwik and AssertJ need those beside them; the rest does not.
 */
module dev.agentvm.testkit {
    requires static transitive org.jspecify;
    requires transitive dev.agentvm.api;
    requires java.xml;
    requires static org.junit.jupiter.api;
    requires static net.jqwik.api;
    requires static org.assertj.core;

    exports dev.agentvm.testkit;
    exports dev.agentvm.testkit.assertions;
    exports dev.agentvm.testkit.junit;
    exports dev.agentvm.testkit.laws;

    opens dev.agentvm.testkit.junit to
            org.junit.platform.commons;
}
