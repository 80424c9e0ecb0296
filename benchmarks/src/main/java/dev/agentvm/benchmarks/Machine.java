package dev.agentvm.benchmarks;

import dev.agentvm.libvirt.internal.connection.HostFacts;
import java.lang.management.ManagementFactory;

/** What measurements were made on, for people who compare them. */
final class Machine {
    private Machine() {}

    /** The machine and its JVM. */
    static String describe() {
        return Runtime.getRuntime().availableProcessors() + " cores, Linux " + System.getProperty("os.version")
                + ", Java " + Runtime.version().feature();
    }

    /** The same with its libvirt. */
    static String describe(HostFacts libvirt) {
        return describe() + ", libvirt " + libvirt.daemonVersion() + ", QEMU " + libvirt.hypervisorVersion();
    }

    /** How many threads wanted to run in the last minute, on average. */
    static double load() {
        return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    }
}
