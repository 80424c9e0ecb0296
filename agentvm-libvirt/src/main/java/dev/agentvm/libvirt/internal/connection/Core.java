package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.LibvirtEvent.AgentLifecycle;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.AgentReason;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionGivenUp;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionLost;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionRegained;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.DomainLifecycle;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.LifecycleType;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.util.List;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of one {@link Libvirt} and the threads that work them.
 *
 * <ul>
 *   <li>owner: owns the domains that are to end with the program, creates them, hears the events;
 *   <li>control: make all other short calls;
 *   <li>memory: make those that last while a guest's memory is written or read;
 *   <li>agents: carry the calls that wait for guests;
 *   <li>console: carries consoles, however much a guest writes;
 *   <li>channels: carry a channel each, as {@link Channels} says.
 * </ul>
 */
final class Core {
    private static final Logger LOG = LoggerFactory.getLogger(Core.class);
    /** For threads to end; those that do not are held by a call that has not come back, and end with it. */
    private static final long CLOSE_SECONDS = 5;

    private static final int AGENT_CONNECTED = 1;

    private final Notifier notifier = new Notifier();
    private final Background losses = new Background("losses");
    private final Background reconnect = new Background("reconnect");
    private final Background cleanup = new Background("cleanup");
    private final AtomicBoolean closed = new AtomicBoolean();
    private final ManagedConnection ownerConnection;
    private final Lane owner;
    private final Lane control;
    private final Lane memory;
    private final Streams consoles;
    private final Channels channels;
    private final AgentPool agents;

    Core(LibvirtOptions options) {
        this.ownerConnection = new ManagedConnection("owner", options, losses, new Owner());
        this.owner = Lane.sharing("owner", ownerConnection, cleanup);
        this.control = Lane.separate("control", () -> plain("control", options), cleanup);
        this.memory = Lane.separate("memory", () -> plain("memory", options), cleanup);
        this.consoles = new Streams("console", options, losses, cleanup);
        this.channels = new Channels(() -> new Streams("channel", options, losses, cleanup), control, cleanup);
        List<ManagedConnection> places = IntStream.range(0, options.agentConnections())
                .mapToObj(i -> plain("agent", options))
                .toList();
        this.agents = new AgentPool(places, Timing.SYSTEM);
        // An agent that comes, or a domain that goes, is mute no longer.
        notifier.add(event -> {
            if (event instanceof AgentLifecycle agent && agent.connected()) {
                agents.forget(agent.domain().uuid());
            } else if (event instanceof DomainLifecycle domain && domain.type() == LifecycleType.STOPPED) {
                agents.forget(domain.domain().uuid());
            }
        });
    }

    private ManagedConnection plain(String role, LibvirtOptions options) {
        return new ManagedConnection(role, options, losses, new ManagedConnection.Owner() {
            // libvirt is back after the owner connection was given up: events are wanted again.
            @Override
            public void opened(NativeConnection connection) {
                if (!ownerConnection.connected()) {
                    reconnect.execute(ownerConnection::reconnect);
                }
            }
        });
    }

    private final class Owner implements ManagedConnection.Owner {
        @Override
        public void opened(NativeConnection connection) {
            check("library", NativeLibvirt.version());
            check("daemon", connection.daemonVersion());
            connection.onLifecycle((uuid, name, type, detail) ->
                    notifier.post(new DomainLifecycle(new DomainRef(uuid, name), LifecycleType.of(type), detail)));
            connection.onAgentLifecycle((uuid, name, state, reason) -> notifier.post(
                    new AgentLifecycle(new DomainRef(uuid, name), state == AGENT_CONNECTED, AgentReason.of(reason))));
        }

        @Override
        public void lost(String reason) {
            notifier.post(new ConnectionLost(reason));
            reconnect.execute(ownerConnection::reconnect);
        }

        @Override
        public void regained() {
            notifier.post(new ConnectionRegained());
        }

        @Override
        public void givenUp(String reason) {
            notifier.post(new ConnectionGivenUp(reason));
        }

        private void check(String what, long number) {
            LibvirtVersion version = LibvirtVersion.of(number);
            if (version.compareTo(LibvirtVersion.OLDEST) < 0) {
                throw OpenFailure.tooOld(what, version, LibvirtVersion.OLDEST);
            }
        }
    }

    ManagedConnection ownerConnection() {
        return ownerConnection;
    }

    /** Over the one connection that owns domains. */
    Lane owner() {
        return owner;
    }

    Lane control() {
        return control;
    }

    Lane memory() {
        return memory;
    }

    Streams consoles() {
        return consoles;
    }

    Channels channels() {
        return channels;
    }

    AgentPool agents() {
        return agents;
    }

    Notifier notifier() {
        return notifier;
    }

    Background cleanup() {
        return cleanup;
    }

    void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        consoles.close();
        channels.close();
        agents.close();
        consoles.lane().close();
        memory.close();
        control.close();
        owner.close();
        List<ThreadPoolExecutor> pools = Stream.of(
                        consoles.executors(),
                        channels.executors(),
                        Stream.of(
                                agents.executor(),
                                memory.executor(),
                                control.executor(),
                                owner.executor(),
                                losses.executor(),
                                reconnect.executor(),
                                cleanup.executor(),
                                notifier.executor()))
                .flatMap(executors -> executors)
                .toList();
        pools.forEach(ThreadPoolExecutor::shutdown);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        for (ThreadPoolExecutor pool : pools) {
            if (!LibraryThreads.awaitEnd(pool, deadline)) {
                LOG.debug("Still under way at the close: {}", pool);
            }
        }
        EventLoop.awaitStop();
    }
}
