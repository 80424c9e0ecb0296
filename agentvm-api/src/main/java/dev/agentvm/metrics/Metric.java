package dev.agentvm.metrics;

import java.util.List;

/**
 * What is measured. No tag has a VM, an address, a name or a command for a value, so that there are never more series than
 * these and the host's own pools and detectors make.
 */
public enum Metric {
    /** The VMs that a hypervisor object launched and that are not gone, by state. */
    VMS("agentvm.vms", Kind.GAUGE, "", "VMs that this program launched, by state", "state"),
    /** The ends of VMs: {@code closed} by their program or by the library in its place, or {@code died} otherwise. */
    VM_ENDS("agentvm.vm.ends", Kind.COUNTER, "", "Ends of VMs: closed by their program, or died", "how"),
    /** Launches, from the call to the guest agent's answer or the failure: {@code launched} or {@code failed}. */
    LAUNCH_DURATION("agentvm.launch.duration", Kind.TIMER, "", "Launches, whether they succeed or fail", "outcome"),
    /** The steps of launches, each from the end of the one before, as {@link dev.agentvm.LaunchStep} has them. */
    LAUNCH_STEP_DURATION("agentvm.launch.step.duration", Kind.TIMER, "", "Steps of launches", "step"),
    /** Returns of VMs to an earlier state: {@code reset} to their launch, or {@code restore} of a snapshot. */
    RESTORE_DURATION("agentvm.restore.duration", Kind.TIMER, "", "Resets, and restores of snapshots", "kind"),
    /** The steps of such returns, each from the end of the one before. */
    RESTORE_STEP_DURATION(
            "agentvm.restore.step.duration",
            Kind.TIMER,
            "",
            "Steps of resets, and of restores of snapshots",
            "kind",
            "step"),
    /** The VMs of a pool by what they are doing, as {@link dev.agentvm.pool.PoolMetrics} has it. */
    POOL_VMS("agentvm.pool.vms", Kind.GAUGE, "", "VMs of a pool, by what they are doing", "pool", "state"),
    /** The callers that wait for a VM of a pool now. */
    POOL_WAITING("agentvm.pool.waiting", Kind.GAUGE, "", "Callers that wait for a VM of a pool", "pool"),
    /** The waits for a VM of a pool that are over: {@code leased}, {@code timeout}, {@code interrupted}, {@code closed}. */
    POOL_WAIT("agentvm.pool.wait", Kind.TIMER, "", "Waits for a VM of a pool that are over", "pool", "outcome"),
    /**
     * Commands: {@code success} if 0 was returned, {@code failure} if another number, {@code signal}, {@code timeout}, or
     * {@code error} if they could not be run or their end is not known.
     */
    COMMAND_DURATION("agentvm.command.duration", Kind.TIMER, "", "Commands in VMs, by outcome", "outcome"),
    /** The bytes of frames that VMs {@code sent}, those included that their policies denied, and {@code received}. */
    TRAFFIC_BYTES("agentvm.traffic", Kind.COUNTER, "bytes", "Bytes of frames that VMs sent and received", "direction"),
    /** The frames that VMs {@code sent}, those included that their policies denied, and {@code received}. */
    TRAFFIC_FRAMES("agentvm.traffic.frames", Kind.COUNTER, "frames", "Frames that VMs sent and received", "direction"),
    /** Attempts to communicate: {@code from_vm} or {@code to_vm}, which the policy {@code allowed} or {@code denied}. */
    CONNECTIONS(
            "agentvm.connections",
            Kind.COUNTER,
            "",
            "Attempts of and to VMs to communicate, by the policy's verdict",
            "direction",
            "verdict"),
    /** What detectors, or the library itself, noticed: by its kind and severity, {@code notice} or {@code alert}. */
    ANOMALIES("agentvm.anomalies", Kind.COUNTER, "", "Anomalies, by kind and severity", "kind", "severity"),
    /** What {@link dev.agentvm.Hypervisor#reap()} found that nobody owned: {@code removed}, or {@code failed} to be. */
    REAPER_FINDINGS("agentvm.reaper.findings", Kind.COUNTER, "", "Things that nobody owned, removed or not", "outcome"),
    /**
     * What is missing in the figures above: frames of VMs that were not read in time ({@code capture}), events
     * ({@code listener}, or {@code rate} where one VM made too many), measurements ({@code sink}).
     */
    LOST(
            "agentvm.metrics.lost",
            Kind.COUNTER,
            "",
            "What is missing in the other metrics, by where it was lost",
            "where");

    /** What is done with its values. */
    public enum Kind {
        /** It only grows. */
        COUNTER,
        /** It is how things are when somebody looks. */
        GAUGE,
        /** It has a duration each time. */
        TIMER
    }

    private final String metricName;
    private final Kind kind;
    private final String unit;
    private final String description;
    private final List<String> tags;

    Metric(String metricName, Kind kind, String unit, String description, String... tags) {
        this.metricName = metricName;
        this.kind = kind;
        this.unit = unit;
        this.description = description;
        this.tags = List.of(tags);
    }

    /** Its name, unlike that of any other: lower-case words with dots between them. */
    public String metricName() {
        return metricName;
    }

    /** What is done with its values. */
    public Kind kind() {
        return kind;
    }

    /** What is counted, such as {@code bytes}; empty where the name says it, and for durations. */
    public String unit() {
        return unit;
    }

    /** What it is, in a phrase for people. */
    public String description() {
        return description;
    }

    /** The names of its tags, lower-case words. */
    public List<String> tags() {
        return tags;
    }

    /**
     * The series with those values of its tags.
     *
     * @throws dev.agentvm.InvalidValueException if they are not as many as the tags
     */
    public Series with(String... values) {
        return new Series(this, List.of(values));
    }
}
