package dev.agentvm.libvirt.internal.nativeaccess;

/** The {@code virErrorNumber}s and {@code virErrorDomain}s (libvirt/virterror.h) that something is done about. */
public final class ErrorCode {
    public static final int OK = 0;
    public static final int INTERNAL_ERROR = 1;
    public static final int NO_SUPPORT = 3;
    public static final int NO_CONNECT = 5;
    public static final int INVALID_CONN = 6;
    public static final int INVALID_ARG = 8;
    public static final int OPERATION_FAILED = 9;
    public static final int XML_ERROR = 27;
    public static final int DOM_EXIST = 28;
    public static final int OPERATION_DENIED = 29;
    public static final int SYSTEM_ERROR = 38;
    public static final int RPC = 39;
    public static final int NO_DOMAIN = 42;
    public static final int NO_NETWORK = 43;
    public static final int AUTH_FAILED = 45;
    public static final int NO_STORAGE_POOL = 49;
    public static final int NO_STORAGE_VOL = 50;
    public static final int OPERATION_INVALID = 55;
    public static final int NO_NWFILTER = 62;
    public static final int OPERATION_TIMEOUT = 68;
    public static final int ARGUMENT_UNSUPPORTED = 74;
    public static final int AUTH_CANCELLED = 79;
    public static final int NO_DOMAIN_METADATA = 80;
    public static final int OPERATION_UNSUPPORTED = 84;
    public static final int AGENT_UNRESPONSIVE = 86;
    public static final int RESOURCE_BUSY = 87;
    public static final int ACCESS_DENIED = 88;
    public static final int STORAGE_VOL_EXIST = 90;
    public static final int XML_INVALID_SCHEMA = 92;
    public static final int AUTH_UNAVAILABLE = 94;
    public static final int AGENT_UNSYNCED = 97;
    public static final int NO_NWFILTER_BINDING = 101;
    public static final int AGENT_COMMAND_TIMEOUT = 112;
    public static final int AGENT_COMMAND_FAILED = 113;

    /** The domain of failures of the transport. */
    public static final int FROM_RPC = 7;

    /** The domain of failures of the driver for QEMU, its guest agents among them. */
    public static final int FROM_QEMU = 10;

    private ErrorCode() {}
}
