package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.take;

import com.sun.jna.Pointer;
import com.sun.jna.PointerType;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.libvirt.Connect;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An open connection. Everything goes through {@link #use}, which keeps the native connection alive until the call is
 * back: {@link #close} lets calls under way finish, and the last of them closes. Every call must be made on a platform
 * thread that this library owns.
 */
public final class NativeConnection {
    private static final Logger LOG = LoggerFactory.getLogger(NativeConnection.class);
    private static final int LIFECYCLE_EVENT = 0;
    private static final int AGENT_LIFECYCLE_EVENT = 18;

    private static final Handlers<DomainHandler> LIFECYCLE = new Handlers<>();
    private static final Handlers<DomainHandler> AGENT = new Handlers<>();
    private static final Handlers<IntConsumer> CLOSE = new Handlers<>();
    private static final Virt.LifecycleCallback ON_LIFECYCLE = (connection, domain, event, detail, opaque) -> {
        LIFECYCLE.call(opaque, handler -> handler.onEvent(uuid(domain), name(domain), event, detail));
        return 0;
    };
    private static final Virt.AgentLifecycleCallback ON_AGENT = (connection, domain, state, reason, opaque) ->
            AGENT.call(opaque, handler -> handler.onEvent(uuid(domain), name(domain), state, reason));
    private static final Virt.CloseCallback ON_CLOSE =
            (connection, reason, opaque) -> CLOSE.call(opaque, handler -> handler.accept(reason));

    private final ReentrantLock lock = new ReentrantLock();
    private final Handle handle;
    private final Pointer pointer;
    private final Runnable closed;
    private final List<Runnable> deregistrations = new ArrayList<>();
    private int uses;
    private boolean closing;

    /** Hears of a domain; what the numbers mean depends on the event. Called on the event loop: must not block. */
    public interface DomainHandler {
        void onEvent(UUID uuid, String name, int first, int second);
    }

    /** Gives away the pointer that libvirt-java keeps to itself. */
    private static final class Handle extends Connect {
        Handle(String uri) throws LibvirtException {
            super(uri);
        }

        @Nullable PointerType connection() {
            return vcp;
        }
    }

    private NativeConnection(Handle handle, Pointer pointer, Runnable closed) {
        this.handle = handle;
        this.pointer = pointer;
        this.closed = closed;
    }

    /**
     * Opens a connection, without asking anybody for credentials.
     *
     * @param closed runs when the native connection has been closed, on the thread that did it
     */
    public static NativeConnection open(String uri, Runnable closed) {
        try {
            Handle handle = new Handle(uri);
            PointerType connection = handle.connection();
            if (connection == null) {
                throw LibvirtError.last();
            }
            return new NativeConnection(handle, connection.getPointer(), closed);
        } catch (LibvirtException e) {
            throw NativeLibvirt.error(e);
        }
    }

    /**
     * Calls libvirt.
     *
     * @throws LibvirtError if libvirt says no, or the connection is closed
     */
    public <T> T use(Function<? super NativeConnection, T> call) {
        lock.lock();
        try {
            if (closing) {
                throw isClosed();
            }
            uses++;
        } finally {
            lock.unlock();
        }
        try {
            return call.apply(this);
        } finally {
            lock.lock();
            try {
                uses--;
                if (closing && uses == 0) {
                    closeNow();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    /** Closes the connection as soon as no call is under way. Idempotent. */
    public void close() {
        lock.lock();
        try {
            if (!closing) {
                closing = true;
                if (uses == 0) {
                    closeNow();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether the socket is open; a local question. {@code false} once closed. */
    public boolean alive() {
        try {
            return use(c -> {
                try {
                    return handle.isAlive();
                } catch (LibvirtException e) {
                    return false;
                }
            });
        } catch (LibvirtError e) {
            return false;
        }
    }

    /** Hears of lifecycle events: {@code virDomainEventType} and its detail. */
    public void onLifecycle(DomainHandler handler) {
        register(LIFECYCLE, handler, LIFECYCLE_EVENT);
    }

    /** Hears of the guest agent's channel: its state (1 connected, 2 disconnected) and the reason. */
    public void onAgentLifecycle(DomainHandler handler) {
        register(AGENT, handler, AGENT_LIFECYCLE_EVENT);
    }

    /** Hears that the connection is lost: {@code virConnectCloseReason}. Called on the event loop or in a call. */
    public void onClose(IntConsumer handler) {
        long key = CLOSE.add(handler);
        int result = Virt.INSTANCE.virConnectRegisterCloseCallback(pointer, ON_CLOSE, Handlers.opaque(key), null);
        if (result < 0) {
            LibvirtError error = LibvirtError.last();
            CLOSE.remove(key);
            throw error;
        }
        deregister(() -> {
            CLOSE.remove(key);
            Virt.INSTANCE.virConnectUnregisterCloseCallback(pointer, ON_CLOSE);
        });
    }

    /** The daemon's version of libvirt. */
    public long daemonVersion() {
        return ask(Connect::getLibVersion);
    }

    /** The hypervisor's version. */
    public long hypervisorVersion() {
        return ask(Connect::getVersion);
    }

    /** The canonical URI. */
    public String uri() {
        return ask(Connect::getURI);
    }

    /** The host's name. */
    public String hostname() {
        return ask(Connect::getHostName);
    }

    /** The host's capabilities. */
    public String capabilities() {
        return ask(Connect::getCapabilities);
    }

    /** What domains of that kind may have. */
    public String domainCapabilities(
            @Nullable String emulator, @Nullable String arch, @Nullable String machine, @Nullable String virtType) {
        return take(Virt.INSTANCE.virConnectGetDomainCapabilities(pointer, emulator, arch, machine, virtType, 0));
    }

    /** Domains of this connection; to be used within {@link #use}. */
    public NativeDomains domains() {
        return new NativeDomains(pointer);
    }

    /** Networks of this connection; to be used within {@link #use}. */
    public NativeNetworks networks() {
        return new NativeNetworks(pointer);
    }

    /** Network filters of this connection; to be used within {@link #use}. */
    public NativeFilters filters() {
        return new NativeFilters(pointer);
    }

    /** Storage of this connection; to be used within {@link #use}. */
    public NativeStorage storage() {
        return new NativeStorage(pointer);
    }

    /** Opens the serial console of a domain, by force; to be called within {@link #use}. */
    public NativeStream openConsole(UUID domain) {
        return NativeStream.openConsole(pointer, domain);
    }

    /**
     * Opens a channel of a domain; to be called within {@link #use}.
     *
     * @param force whether to take it from whoever has it open
     */
    public NativeStream openChannel(UUID domain, String name, boolean force) {
        return NativeStream.openChannel(pointer, domain, name, force);
    }

    private interface Question<T> {
        T ask(Connect connect) throws LibvirtException;
    }

    private <T> T ask(Question<T> question) {
        try {
            return question.ask(handle);
        } catch (LibvirtException e) {
            throw NativeLibvirt.error(e);
        }
    }

    private void register(Handlers<DomainHandler> handlers, DomainHandler handler, int event) {
        long key = handlers.add(handler);
        int id = Virt.INSTANCE.virConnectDomainEventRegisterAny(
                pointer, null, event, event == LIFECYCLE_EVENT ? ON_LIFECYCLE : ON_AGENT, Handlers.opaque(key), null);
        if (id < 0) {
            LibvirtError error = LibvirtError.last();
            handlers.remove(key);
            throw error;
        }
        deregister(() -> {
            handlers.remove(key);
            Virt.INSTANCE.virConnectDomainEventDeregisterAny(pointer, id);
        });
    }

    private void deregister(Runnable action) {
        lock.lock();
        try {
            deregistrations.add(action);
        } finally {
            lock.unlock();
        }
    }

    /** Each registration holds a reference to the connection. On a lost one libvirt may refuse, having let go itself. */
    private void closeNow() {
        deregistrations.forEach(Runnable::run);
        try {
            handle.close();
        } catch (LibvirtException e) {
            LOG.debug("Closing a connection", e);
        } finally {
            closed.run();
        }
    }

    private static LibvirtError isClosed() {
        return new LibvirtError(ErrorCode.INVALID_CONN, ErrorCode.FROM_RPC, "the connection is closed");
    }

    private static UUID uuid(Pointer domain) {
        return Memories.uuid(domain, Virt.INSTANCE::virDomainGetUUIDString);
    }

    private static String name(Pointer domain) {
        return Virt.INSTANCE.virDomainGetName(domain);
    }
}
