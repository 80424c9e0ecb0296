package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;

/**
 * A libvirt, reached over connections of its own; safe for use by many threads, virtual ones included.
 *
 * <p>Every call blocks until libvirt has answered, at most for the timeout of this view. Each throws
 *
 * <ul>
 *   <li>{@link dev.agentvm.OperationTimeoutException} if libvirt has not answered in time,
 *   <li>{@link dev.agentvm.AgentVMException}, with the interrupt flag set, if the caller is interrupted,
 *   <li>{@link dev.agentvm.HypervisorUnavailableException} if libvirt cannot be reached (retryable: the connection is
 *       opened anew, for a bounded time, when it was lost),
 *   <li>{@link dev.agentvm.VMNotFoundException} if the domain is not there,
 *   <li>another {@link dev.agentvm.AgentVMException} with libvirt's code and domain otherwise.
 * </ul>
 *
 * <p>A native call cannot be stopped: one whose caller gave up may still succeed. {@link #withUndo} says what is to be
 * done then.
 */
public interface Libvirt extends AutoCloseable {
    /**
     * Opens a libvirt.
     *
     * @throws dev.agentvm.HypervisorUnavailableException if it cannot be reached; the message says what was tried and
     *     what to install, start or grant
     */
    static Libvirt open(LibvirtOptions options) {
        return LibvirtClient.open(options);
    }

    /** The same libvirt, each call of which waits at most {@code timeout}. Closing a view closes the libvirt. */
    Libvirt withTimeout(Duration timeout);

    /**
     * The same libvirt, with something to do about calls whose caller gave up: if a call made through the view times
     * out or is interrupted and <em>then</em> succeeds, {@code undo} runs, once per such call, on the library's cleanup
     * thread, where it may call this interface. A call that had not yet begun when its caller gave up never begins.
     */
    Libvirt withUndo(Runnable undo);

    /** The library, the daemon and its host. */
    HostFacts host();

    /** Domains. */
    Domains domains();

    /** The guest agents of domains. */
    GuestAgents agents();

    /** Serial consoles and channels of domains. */
    Consoles consoles();

    /** Virtual networks. */
    Networks networks();

    /** Network filters and their bindings. */
    NetworkFilters filters();

    /** Storage pools and volumes. */
    StoragePools storage();

    /**
     * Adds a listener. Events arrive in order, one at a time for all listeners, on a thread of the library that is not
     * libvirt's event loop. Adding one that is there does nothing.
     */
    void addListener(LibvirtListener listener);

    /** Removes a listener; a notification under way may still reach it. */
    void removeListener(LibvirtListener listener);

    /** Whether the connection that owns the domains is open at this moment, as far as is known. */
    boolean connected();

    /**
     * Closes the connections, and with the last one libvirt destroys the domains that were created with
     * {@link CreateFlag#AUTODESTROY}. Calls under way fail. Idempotent; never throws.
     */
    @Override
    void close();
}
