package dev.agentvm.libvirt.internal.life;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that VMs which libvirt does not tie to this program do not outlive it. A small process, started with the
 * first of them, holds the other end of a pipe: when the program ends, however it ends, so does the pipe, and the
 * process destroys what it was told of. If it dies itself, another is started, as often as it takes. Safe for use by
 * many threads; nobody waits for a start but who needs one.
 */
public final class Guard implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Guard.class);
    private static final FailureContext CONTEXT = FailureContext.of("start the guard");
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

    private final Class<?> program;
    private final List<String> arguments;
    private final Duration pause;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Set<UUID> watched = new LinkedHashSet<>();
    private @Nullable GuardProcess process;
    private boolean starting;
    private boolean closed;

    /**
     * A guard that is not started yet.
     *
     * @param program the class that is run: it prints {@value GuardOrders#READY} when it is ready, then reads lines of
     *     {@link GuardOrders}
     * @param arguments its arguments
     */
    public Guard(Class<?> program, List<String> arguments) {
        this(program, arguments, Duration.ofSeconds(1));
    }

    /** @param pause how long after one that could not be started another is tried; each time twice as long */
    Guard(Class<?> program, List<String> arguments, Duration pause) {
        this.program = program;
        this.arguments = List.copyOf(arguments);
        this.pause = pause;
    }

    /**
     * From now on that VM ends with this program. To be called before the VM can run.
     *
     * @throws dev.agentvm.HostNotReadyException if the process cannot be started; the message says why
     * @throws AgentVMException if this thread is interrupted meanwhile, or the guard is closed
     */
    public void watch(UUID id) {
        locked(() -> watched.add(id));
        try {
            // One that is started is told of all.
            running().say(GuardOrders.watch(id));
        } catch (AgentVMException e) {
            locked(() -> watched.remove(id));
            throw e;
        }
    }

    /** That VM is gone, or shall outlive this program. */
    public void release(UUID id) {
        locked(() -> {
            GuardProcess told = process;
            if (watched.remove(id) && told != null) {
                told.say(GuardOrders.release(id));
            }
        });
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }

    /** The process. If it does not run, it is started, which takes a second or so. */
    private GuardProcess running() {
        Set<UUID> known;
        lock.lock();
        try {
            while (starting) {
                changed.await();
            }
            if (closed) {
                throw new AgentVMException("The guard is closed", CONTEXT);
            }
            GuardProcess current = process;
            if (current != null && current.isAlive()) {
                return current;
            }
            starting = true;
            known = new LinkedHashSet<>(watched);
        } catch (InterruptedException e) {
            throw interrupted(e);
        } finally {
            lock.unlock();
        }
        GuardProcess started = null;
        try {
            List<String> orders = known.stream().map(GuardOrders::watch).toList();
            started = GuardProcess.start(JavaProgram.of(program, arguments), orders, this::ended);
            return started;
        } finally {
            GuardProcess next = started;
            locked(() -> begun(next, known));
        }
    }

    private void begun(@Nullable GuardProcess started, Set<UUID> known) {
        starting = false;
        changed.signalAll();
        if (started == null) {
            return;
        }
        // What was released meanwhile is not told yet.
        known.removeAll(watched);
        known.forEach(id -> started.say(GuardOrders.release(id)));
        if (closed) {
            started.end(watched.isEmpty());
        } else {
            process = started;
        }
    }

    /** On the thread that has heard of its end, which may come before it is known that it was started. */
    private void ended(GuardProcess which) {
        lock.lock();
        try {
            while (starting) {
                changed.awaitUninterruptibly();
            }
            if (which != process) {
                return;
            }
            process = null;
        } finally {
            lock.unlock();
        }
        Duration next = pause;
        while (needed() > 0) {
            LOG.warn("the guard of {} VMs ended; another is started", needed());
            try {
                GuardProcess unused = running();
            } catch (AgentVMException e) {
                LOG.warn("no guard of VMs can be started, which would outlive this program", e);
                await(next);
                next = next.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? next.multipliedBy(2) : LONGEST_PAUSE;
            }
        }
    }

    /** How many VMs there are that have no guard. */
    private int needed() {
        lock.lock();
        try {
            return closed || process != null ? 0 : watched.size();
        } finally {
            lock.unlock();
        }
    }

    private void await(Duration time) {
        lock.lock();
        try {
            long left = time.toNanos();
            while (left > 0 && !closed) {
                left = changed.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            throw interrupted(e);
        } finally {
            lock.unlock();
        }
    }

    private static AgentVMException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new AgentVMException("Interrupted while the guard was started", CONTEXT, e);
    }

    /** Ends the process. VMs that it still watches it destroys, once this program's journals are let go. */
    @Override
    public void close() {
        locked(() -> {
            closed = true;
            changed.signalAll();
            GuardProcess last = process;
            process = null;
            if (last != null) {
                last.end(watched.isEmpty());
            }
        });
    }
}
