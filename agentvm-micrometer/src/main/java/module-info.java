/** Gives what hypervisors and pools measure to Micrometer. */
module dev.agentvm.micrometer {
    requires static transitive org.jspecify;
    requires transitive dev.agentvm.api;
    requires transitive micrometer.core;

    exports dev.agentvm.micrometer;
}
