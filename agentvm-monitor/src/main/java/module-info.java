/** Detectors, an audit log, responses and reports over the events of VMs. */
module dev.agentvm.monitor {
    requires static transitive org.jspecify;
    requires static org.immutables.value.annotations;
    requires transitive dev.agentvm.api;
    requires com.fasterxml.jackson.core;
    requires org.slf4j;

    exports dev.agentvm.monitor;
    exports dev.agentvm.monitor.audit;
    exports dev.agentvm.monitor.report;
}
