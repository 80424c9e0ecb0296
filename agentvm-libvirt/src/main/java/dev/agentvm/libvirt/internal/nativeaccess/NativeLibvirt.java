package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Callback;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.libvirt.Library;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is one per process: the library, its error function, its event loop. */
public final class NativeLibvirt {
    /**
     * A system property. Unless it is {@code true}, libvirt's process-wide error function is replaced by one that logs
     * at DEBUG, since the default one prints every error to standard error.
     */
    public static final String KEEP_ERROR_FUNCTION = "agentvm.libvirt.keepErrorFunction";

    private static final Logger LOG = LoggerFactory.getLogger(NativeLibvirt.class);
    private static final int NEVER = -1;

    // Static: libvirt goes on calling them for as long as the process lives.
    private static final Virt.TimeoutCallback WAKE =
            (timer, opaque) -> Virt.INSTANCE.virEventUpdateTimeout(timer, NEVER);
    private static final ErrorCallback LOG_ERROR = NativeLibvirt::logError;

    private static boolean initialised;
    private static int wakeTimer;

    /** {@code virErrorFunc}. */
    interface ErrorCallback extends Callback {
        void onError(@Nullable Pointer userData, @Nullable Pointer error);
    }

    private NativeLibvirt() {}

    /** Why the library cannot be loaded into this process, or empty if it can. */
    public static Optional<Throwable> unavailable() {
        try {
            NativeLibrary.getInstance("virt");
            NativeLibrary.getInstance("virt-qemu");
            return Optional.empty();
        } catch (LinkageError e) {
            return Optional.of(e);
        }
    }

    /** The version: major × 1,000,000 + minor × 1,000 + release. */
    public static long version() {
        LongByReference version = new LongByReference();
        Memories.check(Virt.INSTANCE.virGetVersion(version, null, null));
        return version.getValue();
    }

    /** Sets the error function and registers the event loop; must come before the first connection. */
    public static synchronized void initialise() {
        if (initialised) {
            return;
        }
        if (!Boolean.getBoolean(KEEP_ERROR_FUNCTION)) {
            NativeLibrary.getInstance("virt").getFunction("virSetErrorFunc").invokeVoid(new Object[] {null, LOG_ERROR});
        }
        try {
            Library.initEventLoop();
        } catch (LibvirtException e) {
            throw error(e);
        }
        wakeTimer = Memories.check(Virt.INSTANCE.virEventAddTimeout(NEVER, WAKE, null, null));
        initialised = true;
    }

    /** Runs one iteration of the event loop, waiting for something to do. */
    public static void runEvents() {
        try {
            Library.processEvent();
        } catch (LibvirtException e) {
            throw error(e);
        }
    }

    /** Makes an iteration of the event loop return, in {@code millis}. */
    public static synchronized void wakeEvents(int millis) {
        Virt.INSTANCE.virEventUpdateTimeout(wakeTimer, millis);
    }

    /** libvirt-java's exception loses numbers that it does not know; libvirt still has them, on this thread. */
    static LibvirtError error(LibvirtException e) {
        LibvirtError error = LibvirtError.last();
        error.addSuppressed(e);
        return error;
    }

    private static void logError(@Nullable Pointer userData, @Nullable Pointer error) {
        if (error != null && LOG.isDebugEnabled()) {
            Pointer message = error.getPointer(8);
            LOG.debug("libvirt: {}", message == null ? "" : message.getString(0, "UTF-8"));
        }
    }
}
