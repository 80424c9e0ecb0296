package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches the started commands of one workspace, on a thread that it has while there are any. One question serves them
 * all: what is new in the file of events, to which the guest's end of each stream appends; only streams of which it tells
 * are then read. Safe for use by many threads.
 */
final class Supervisor {
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(30);
    private static final long SHORT_PAUSE = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long LONG_PAUSE = TimeUnit.SECONDS.toNanos(1);
    private static final long SILENCE = Duration.ofMinutes(1).toNanos();
    private static final int PIECE = 16 * 1024;
    /** One that is longer than this is not of ours. */
    private static final int LINE = 80;

    private static final long MUCH = 1024 * 1024;

    private final AgentCalls calls;
    private final Housekeeping housekeeping;
    private final Executor executor;
    private final String path;
    private final Object lock = new Object();
    private final Map<Long, GuestProcess> processes = new LinkedHashMap<>();
    private boolean working;
    private boolean nudged;
    private @Nullable Long handle;
    private long read;
    private boolean allTold;
    private final StringBuilder line = new StringBuilder();

    Supervisor(AgentCalls calls, Housekeeping housekeeping, Executor executor, String directory) {
        this.calls = calls;
        this.housekeeping = housekeeping;
        this.executor = executor;
        this.path = directory + "/events";
    }

    /** Watches it from now on until it is over. */
    void watch(GuestProcess process) {
        synchronized (lock) {
            processes.put(process.number(), process);
            nudged = true;
            lock.notifyAll();
            if (working) {
                return;
            }
            working = true;
        }
        try {
            executor.execute(this::work);
        } catch (RuntimeException e) {
            synchronized (lock) {
                working = false;
                processes.remove(process.number());
            }
            throw e;
        }
    }

    /** It was never started, unless that comes late. */
    void forget(GuestProcess process) {
        discard(process);
        nudge();
    }

    /** There is something to do before its time. */
    void nudge() {
        synchronized (lock) {
            nudged = true;
            lock.notifyAll();
        }
    }

    /** Lets go of the file of events. */
    void release() {
        Long open;
        synchronized (lock) {
            open = handle;
            handle = null;
        }
        if (open != null) {
            housekeeping.discard(List.of(open), List.of(), 0);
        }
    }

    private List<GuestProcess> watched() {
        synchronized (lock) {
            return new ArrayList<>(processes.values());
        }
    }

    private void work() {
        long answered = System.nanoTime();
        long pause = SHORT_PAUSE;
        int turn = 0;
        while (true) {
            List<GuestProcess> all = watched();
            boolean moved = false;
            try {
                if (all.isEmpty() && isDone()) {
                    return;
                }
                moved = readEvents();
                // So that none is always the last.
                Collections.rotate(all, -(turn++ % Math.max(1, all.size())));
                moved |= step(all);
                answered = System.nanoTime();
            } catch (GuestAgentException e) {
                // A guest that is out of breath may come round.
                if (!e.retryable() || System.nanoTime() - answered >= SILENCE) {
                    abandonAll(e);
                }
            } catch (AgentVMException e) {
                watched().forEach(process -> {
                    process.lost(e);
                    remove(process);
                });
            }
            pause = moved ? SHORT_PAUSE : Math.min(PAUSE, pause * 2);
            boolean idle = !all.isEmpty() && all.stream().allMatch(GuestProcess::isHeldUp);
            await(moved ? 0 : idle ? LONG_PAUSE : pause);
        }
    }

    private boolean step(List<GuestProcess> all) {
        boolean moved = false;
        for (GuestProcess process : all) {
            try {
                moved |= process.step(all.size(), allTold);
            } catch (GuestAgentException e) {
                if (e.retryable()) {
                    throw e;
                }
                process.abandon(e);
                discard(process);
            }
            if (process.over().isDone()) {
                discard(process);
            }
        }
        return moved;
    }

    private void discard(GuestProcess process) {
        remove(process);
        housekeeping.discardStreams(process.handles(), process.files());
    }

    private void remove(GuestProcess process) {
        synchronized (lock) {
            processes.remove(process.number());
        }
    }

    private void abandonAll(GuestAgentException e) {
        for (GuestProcess process : watched()) {
            process.abandon(e);
            discard(process);
        }
        synchronized (lock) {
            // It may be of an agent that is no more.
            handle = null;
        }
    }

    /** Whether none is left, so that this thread may end. */
    private boolean isDone() {
        if (read > MUCH) {
            Long open = handle;
            if (open != null) {
                calls.close(calls.open(path, "w"));
                calls.seek(open, 0);
                read = 0;
            }
        }
        synchronized (lock) {
            working = !processes.isEmpty();
            return !working;
        }
    }

    private void await(long nanos) {
        long until = System.nanoTime() + nanos;
        synchronized (lock) {
            try {
                for (long left = nanos; left > 0 && !nudged; left = until - System.nanoTime()) {
                    TimeUnit.NANOSECONDS.timedWait(lock, left);
                }
            } catch (InterruptedException e) {
                // Nobody interrupts threads of the library's own; if somebody does, it is only a short pause.
                return;
            }
            nudged = false;
        }
    }

    private boolean readEvents() {
        Long open;
        synchronized (lock) {
            open = handle;
        }
        if (open == null) {
            open = calls.open(path, "r");
            if (read > 0) {
                calls.seek(open, read);
            }
            synchronized (lock) {
                handle = open;
            }
        }
        byte[] bytes = calls.read(open, PIECE);
        read += bytes.length;
        allTold = bytes.length < PIECE;
        for (char c : new String(bytes, StandardCharsets.ISO_8859_1).toCharArray()) {
            if (c != '\n') {
                line.append(c);
            }
            if (c == '\n' || line.length() > LINE) {
                String text = line.toString();
                line.setLength(0);
                on(text);
            }
        }
        return bytes.length > 0;
    }

    /** An event of a process that is watched no more is no matter; a line of another form is not from our scripts. */
    private void on(String text) {
        try {
            if (!text.matches("[0-9]{1,18} (b|[oei] [.!+/~] [0-9]{1,18})")) {
                throw new MalformedReplyException("it is not an event");
            }
            String[] words = text.split(" ", -1);
            GuestProcess process;
            synchronized (lock) {
                process = processes.get(Long.parseLong(words[0]));
            }
            if (process == null) {
                return;
            }
            boolean begins = words.length == 2;
            try {
                process.on(words[1], begins ? "" : words[2], begins ? 0 : Long.parseLong(words[3]));
            } catch (GuestAgentException e) {
                process.abandon(e);
                discard(process);
            }
        } catch (MalformedReplyException e) {
            throw new GuestAgentException(
                    "The guest of " + calls.vmName() + " tells of its commands what cannot be understood: "
                            + e.getMessage() + "; it said: " + Excerpt.head(text, 200),
                    calls.context(),
                    e);
        }
    }
}
