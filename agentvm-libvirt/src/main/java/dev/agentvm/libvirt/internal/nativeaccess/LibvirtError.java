package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Pointer;

/** A failure that libvirt reported, or that it should have reported. */
public final class LibvirtError extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final long CODE = 0;
    private static final long DOMAIN = 4;
    private static final long MESSAGE = 8;

    private final int code;
    private final int domain;

    /**
     * A failure.
     *
     * @param code {@code virErrorNumber}
     * @param domain {@code virErrorDomain}
     * @param message libvirt's words
     */
    public LibvirtError(int code, int domain, String message) {
        super(message);
        this.code = code;
        this.domain = domain;
    }

    /** The last failure of this operating-system thread. */
    static LibvirtError last() {
        Pointer error = Virt.INSTANCE.virGetLastError();
        if (error == null || error.getInt(CODE) == ErrorCode.OK) {
            return new LibvirtError(ErrorCode.INTERNAL_ERROR, 0, "libvirt failed and did not say why");
        }
        Pointer message = error.getPointer(MESSAGE);
        return new LibvirtError(
                error.getInt(CODE),
                error.getInt(DOMAIN),
                message == null ? "no message" : message.getString(0, "UTF-8").strip());
    }

    /** {@code virErrorNumber}. */
    public int code() {
        return code;
    }

    /** {@code virErrorDomain}: where in libvirt it comes from. */
    public int domain() {
        return domain;
    }

    /** The message; never null, unlike {@link Throwable#getMessage}. */
    public String text() {
        return String.valueOf(getMessage());
    }

    /** Whether the code is one of {@code codes}. */
    public boolean is(int... codes) {
        for (int candidate : codes) {
            if (candidate == code) {
                return true;
            }
        }
        return false;
    }
}
