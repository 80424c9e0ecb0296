/** What a host application sees of agentvm: values, interfaces, exceptions and pure logic. */
module dev.agentvm.api {
    requires static transitive org.jspecify;
    requires static org.immutables.value.annotations;
    requires org.slf4j;

    exports dev.agentvm;
    exports dev.agentvm.cloudinit;
    exports dev.agentvm.event;
    exports dev.agentvm.metrics;
    exports dev.agentvm.network;
    exports dev.agentvm.pool;
    exports dev.agentvm.spi;

    uses dev.agentvm.spi.HypervisorProvider;
}
