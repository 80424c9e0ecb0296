package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes and removes what ended commands leave in the guest, behind the caller's back: handles at once, files some at a
 * time, since removing takes a process in the guest. Safe for use by many threads.
 */
final class Housekeeping {
    private static final Logger LOG = LoggerFactory.getLogger(Housekeeping.class);
    private static final int MANY_FILES = 64;
    private static final long MANY_BYTES = 1024 * 1024;
    private static final Duration SOON = Duration.ofMillis(500);
    /** Times in a row, each after twice the time: ten minutes. */
    private static final int ATTEMPTS = 10;

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Executor executor;
    private final Object lock = new Object();
    private List<Long> handles = new ArrayList<>();
    private List<String> files = new ArrayList<>();
    private List<String> streams = new ArrayList<>();
    private List<Abandoned> shells = new ArrayList<>();
    private long bytes;
    private int failures;
    private boolean scheduled;
    private boolean working;

    /** A shell, and what its files' paths begin with. */
    private record Abandoned(WaitingShell shell, String files) {}

    /** Files, and the beginnings of streams' paths; {@code bytes} is what all hold. */
    private record Leftovers(List<String> files, List<String> streams, List<Abandoned> shells, long bytes) {
        static final Leftovers NONE = new Leftovers(List.of(), List.of(), List.of(), 0);

        boolean isEmpty() {
            return files.isEmpty() && streams.isEmpty() && shells.isEmpty();
        }
    }

    Housekeeping(AgentCalls calls, ScriptRunner scripts, Executor executor) {
        this.calls = calls;
        this.scripts = scripts;
        this.executor = executor;
    }

    /** Closes the handle, soon. */
    void closeLater(long handle) {
        discard(List.of(handle), List.of(), 0);
    }

    /** Closes the handles and removes the files, soon; {@code size} is what the files hold. */
    void discard(List<Long> oldHandles, List<String> oldFiles, long size) {
        synchronized (lock) {
            handles.addAll(oldHandles);
            files.addAll(oldFiles);
            bytes += size;
            if (working) {
                return;
            }
            working = true;
        }
        start();
    }

    /**
     * Lets go of the pipes of an ended command whose files' paths begin so, and removes its files.
     *
     * @param size how many bytes they may hold
     */
    void discardStreams(String prefix, long size) {
        synchronized (lock) {
            streams.add(prefix);
        }
        discard(List.of(), List.of(), size);
    }

    /**
     * Ends a shell that may have been told something, before its handles are closed: that would tell it what the agent
     * has kept.
     */
    void abandon(WaitingShell shell, String filesOf) {
        synchronized (lock) {
            shells.add(new Abandoned(shell, filesOf));
        }
        discard(List.of(), List.of(), 0);
    }

    /** Ends a shell that waits, or the command that it became, at once. */
    void end(WaitingShell shell, String filesOf) {
        end(List.of(new Abandoned(shell, filesOf)));
    }

    private void end(List<Abandoned> all) {
        List<String> parameters = all.stream()
                .flatMap(one -> Stream.of(Long.toString(one.shell().pid()), one.files()))
                .toList();
        AgentCalls.Status unused = scripts.run("Ending a shell", Scripts.END_WAITING, parameters, PATIENCE);
        all.forEach(one -> forget(one.shell().pid()));
    }

    /** The agent remembers a process until it is asked after its end. */
    private void forget(long pid) {
        try {
            AgentCalls.Status unused =
                    scripts.awaitEnd("A shell that waited", pid, System.nanoTime() + PATIENCE.toNanos());
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                throw e;
            }
            LOG.debug("A shell of {} is not known any more", calls.vmName(), e);
        }
    }

    private boolean isMuch() {
        return files.size() + streams.size() >= MANY_FILES || bytes >= MANY_BYTES;
    }

    private void start() {
        try {
            executor.execute(this::work);
        } catch (RuntimeException | Error e) {
            LOG.debug("Nothing is tidied up in {}", calls.vmName(), e);
            synchronized (lock) {
                working = false;
            }
        }
    }

    private void work() {
        while (true) {
            List<Long> toClose;
            Leftovers toRemove;
            synchronized (lock) {
                // What failed is tried again in its time, not with each that comes.
                boolean now = failures == 0;
                toRemove = now && isMuch() ? take() : Leftovers.NONE;
                if (!now || (handles.isEmpty() && toRemove.isEmpty())) {
                    working = false;
                    schedule();
                    return;
                }
                toClose = handles;
                handles = new ArrayList<>();
            }
            tidy(toClose, toRemove);
        }
    }

    /** Sees to it that what is there is removed when its time comes. */
    private void schedule() {
        boolean isAll = handles.isEmpty() && files.isEmpty() && streams.isEmpty() && shells.isEmpty();
        if (!isAll && !scheduled) {
            scheduled = true;
            CompletableFuture.delayedExecutor(SOON.toMillis() << failures, TimeUnit.MILLISECONDS, executor)
                    .execute(this::removeRest);
        }
    }

    private void removeRest() {
        List<Long> toClose;
        Leftovers rest;
        synchronized (lock) {
            scheduled = false;
            toClose = handles;
            handles = new ArrayList<>();
            rest = take();
        }
        tidy(toClose, rest);
        synchronized (lock) {
            if (!working) {
                schedule();
            }
        }
    }

    private Leftovers take() {
        Leftovers taken = new Leftovers(files, streams, shells, bytes);
        files = new ArrayList<>();
        streams = new ArrayList<>();
        shells = new ArrayList<>();
        bytes = 0;
        return taken;
    }

    /** Closes and removes; what fails for now is kept. */
    private void tidy(List<Long> toClose, Leftovers toRemove) {
        int closed = 0;
        try {
            for (; closed < toClose.size(); closed++) {
                close(toClose.get(closed));
            }
            remove(toRemove);
            synchronized (lock) {
                failures = 0;
            }
        } catch (AgentVMException e) {
            LOG.debug("Not all is tidied up in {}", calls.vmName(), e);
            synchronized (lock) {
                failures++;
                if (e instanceof VMDestroyedException || e instanceof VMRestoredException || failures >= ATTEMPTS) {
                    failures = 0;
                    return;
                }
                handles.addAll(toClose.subList(closed, toClose.size()));
                files.addAll(toRemove.files());
                streams.addAll(toRemove.streams());
                shells.addAll(toRemove.shells());
                bytes += toRemove.bytes();
            }
        }
    }

    /** A handle that is no more, since the agent has started anew, shall not keep the others open. */
    private void close(long handle) {
        try {
            calls.close(handle);
        } catch (GuestAgentException e) {
            if (e.retryable()) {
                throw e;
            }
            LOG.debug("A handle stays open in {}", calls.vmName(), e);
        }
    }

    private void remove(Leftovers what) {
        if (!what.shells().isEmpty()) {
            end(what.shells());
            for (Abandoned one : what.shells()) {
                one.shell().handles().forEach(this::close);
                scripts.remove(Scripts.files(one.files()), PATIENCE);
            }
        }
        if (!what.streams().isEmpty()) {
            AgentCalls.Status unused = scripts.run("Removing pipes", Scripts.REMOVE_STREAMS, what.streams(), PATIENCE);
        }
        if (!what.files().isEmpty()) {
            scripts.remove(what.files(), PATIENCE);
        }
    }
}
