package dev.agentvm.monitor;

/** The {@linkplain dev.agentvm.event.AnomalyDetected#kind kinds} of what the detectors of this module find. */
public final class AnomalyKinds {
    private AnomalyKinds() {}

    /** Much that the policy denies. */
    public static final String DENIED_BURST = "denied-burst";
    /** Many ports of one address. */
    public static final String PORT_SCAN = "port-scan";
    /** One port of many addresses. */
    public static final String ADDRESS_SCAN = "address-scan";
    /** Many addresses that the VM had not talked to before. */
    public static final String NEW_DESTINATIONS = "new-destinations";
    /** Many connections. */
    public static final String CONNECTION_RATE = "connection-rate";
    /** Much data sent. */
    public static final String UPLOAD_VOLUME = "upload-volume";
    /** Far more data sent than received. */
    public static final String UPLOAD_RATIO = "upload-ratio";
    /** Questions for names that carry data. */
    public static final String DNS_TUNNEL = "dns-tunnel";
    /** Questions for many names that do not exist. */
    public static final String UNKNOWN_NAMES = "unknown-names";
    /** Connections to one place at regular times. */
    public static final String BEACONING = "beaconing";
    /** The name of a mining pool. */
    public static final String MINING_POOL = "mining-pool";
    /** All processors busy for long. */
    public static final String SUSTAINED_CPU = "sustained-cpu";
    /** Much data written to disks. */
    public static final String DISK_WRITES = "disk-writes";
    /** Something of what the VM does was not seen. */
    public static final String OBSERVATION_LOST = "observation-lost";
    /** Far more processor time than this VM used to take. */
    public static final String UNUSUAL_CPU = "unusual-cpu";
    /** Far more memory than this VM used to take. */
    public static final String UNUSUAL_MEMORY = "unusual-memory";
    /** Far more traffic than this VM used to have. */
    public static final String UNUSUAL_TRAFFIC = "unusual-traffic";
    /** Far more disk use than this VM used to have. */
    public static final String UNUSUAL_DISK = "unusual-disk";
}
