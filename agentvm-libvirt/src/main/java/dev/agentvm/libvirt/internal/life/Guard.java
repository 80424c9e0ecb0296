package dev.agentvm.libvirt.internal.life;

import dev.agentvm.AgentVMException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that VMs which libvirt does not tie to this program do not outlive it. A small process, started with the
 * first of them, holds the other end of a pipe: when the program ends, however it ends, so does the pipe, and the process
 * destroys what it was told of. If it dies itself, another is started. Safe for use by many threads.
 */
public final class Guard implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Guard.class);

    private final Class<?> program;
    private final List<String> arguments;
    private final Set<UUID> watched = new LinkedHashSet<>();
    private @Nullable GuardProcess process;
    private boolean closed;

    /**
     * A guard that is not started yet.
     *
     * @param program the class that is run: it prints {@value GuardOrders#READY} when it is ready, then reads lines of
     *     {@link GuardOrders}
     * @param arguments its arguments
     */
    public Guard(Class<?> program, List<String> arguments) {
        this.program = program;
        this.arguments = List.copyOf(arguments);
    }

    /**
     * Starts the process, if it does not run: that takes a second or so, which a caller can spend while it waits for
     * something else.
     *
     * @throws dev.agentvm.HostNotReadyException if it cannot be started; the message says why
     */
    public synchronized void prepare() {
        running();
    }

    /**
     * From now on that VM ends with this program. To be called before the VM can run.
     *
     * @throws dev.agentvm.HostNotReadyException if the process cannot be started; the message says why
     */
    public synchronized void watch(UUID id) {
        watched.add(id);
        try {
            // One that is started is told of all.
            running().say(GuardOrders.watch(id));
        } catch (AgentVMException e) {
            watched.remove(id);
            throw e;
        }
    }

    /** That VM is gone, or shall outlive this program. */
    public synchronized void release(UUID id) {
        GuardProcess told = process;
        if (watched.remove(id) && told != null && told.isAlive()) {
            told.say(GuardOrders.release(id));
        }
    }

    private GuardProcess running() {
        GuardProcess current = process;
        if (current == null || !current.isAlive()) {
            List<String> orders = watched.stream().map(GuardOrders::watch).toList();
            current = GuardProcess.start(JavaProgram.of(program, arguments), orders, this::ended);
            process = current;
        }
        return current;
    }

    private synchronized void ended(GuardProcess which) {
        if (closed || which != process) {
            return;
        }
        process = null;
        if (!watched.isEmpty()) {
            LOG.warn("the guard of {} VMs ended; another is started", watched.size());
            try {
                running();
            } catch (AgentVMException e) {
                LOG.warn("{} VMs would outlive this program: {}", watched.size(), e.getMessage());
            }
        }
    }

    /** Ends the process. VMs that it still watches it destroys, once this program's journals are let go. */
    @Override
    public synchronized void close() {
        closed = true;
        GuardProcess last = process;
        process = null;
        if (last != null) {
            last.end(watched.isEmpty());
        }
    }
}
