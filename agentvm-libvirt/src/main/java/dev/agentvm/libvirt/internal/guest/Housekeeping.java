package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
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
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Executor executor;
    private final Object lock = new Object();
    private List<Long> handles = new ArrayList<>();
    private List<String> files = new ArrayList<>();
    private List<String> streams = new ArrayList<>();
    private long bytes;
    private boolean scheduled;
    private boolean working;

    Housekeeping(AgentCalls calls, ScriptRunner scripts, Executor executor) {
        this.calls = calls;
        this.scripts = scripts;
        this.executor = executor;
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

    /** Closes the handles, lets go of the pipes of an ended command whose files' paths begin so, and removes its files. */
    void discardStreams(List<Long> oldHandles, String prefix) {
        synchronized (lock) {
            streams.add(prefix);
        }
        discard(oldHandles, List.of(), 0);
    }

    private boolean isMuch() {
        return files.size() + streams.size() >= MANY_FILES || bytes >= MANY_BYTES;
    }

    private void start() {
        try {
            executor.execute(this::work);
        } catch (RuntimeException e) {
            LOG.debug("Nothing is tidied up in {}", calls.vmName(), e);
            synchronized (lock) {
                working = false;
            }
        }
    }

    private void work() {
        try {
            while (true) {
                List<Long> toClose;
                List<String> toRemove;
                List<String> toEnd;
                synchronized (lock) {
                    toClose = handles;
                    handles = new ArrayList<>();
                    boolean much = isMuch();
                    toRemove = much ? takeFiles() : List.of();
                    toEnd = much ? takeStreams() : List.of();
                    if (toClose.isEmpty() && toRemove.isEmpty() && toEnd.isEmpty()) {
                        working = false;
                        if (!(files.isEmpty() && streams.isEmpty()) && !scheduled) {
                            scheduled = true;
                            CompletableFuture.delayedExecutor(SOON.toMillis(), TimeUnit.MILLISECONDS, executor)
                                    .execute(this::removeRest);
                        }
                        return;
                    }
                }
                close(toClose);
                remove(toRemove, toEnd);
            }
        } catch (AgentVMException e) {
            LOG.debug("Not all is tidied up in {}", calls.vmName(), e);
            synchronized (lock) {
                working = false;
            }
        }
    }

    private void removeRest() {
        List<String> rest;
        List<String> toEnd;
        synchronized (lock) {
            scheduled = false;
            rest = takeFiles();
            toEnd = takeStreams();
        }
        try {
            remove(rest, toEnd);
        } catch (AgentVMException e) {
            LOG.debug("Not all is tidied up in {}", calls.vmName(), e);
        }
    }

    private List<String> takeFiles() {
        List<String> taken = files;
        files = new ArrayList<>();
        bytes = 0;
        return taken;
    }

    private List<String> takeStreams() {
        List<String> taken = streams;
        streams = new ArrayList<>();
        return taken;
    }

    /** A handle that is no more, since the agent has started anew, shall not keep the others open. */
    private void close(List<Long> old) {
        for (long handle : old) {
            try {
                calls.close(handle);
            } catch (GuestAgentException e) {
                LOG.debug("A handle stays open in {}", calls.vmName(), e);
            }
        }
    }

    private void remove(List<String> paths, List<String> prefixes) {
        if (!prefixes.isEmpty()) {
            AgentCalls.Status unused = scripts.run("Removing pipes", Scripts.REMOVE_STREAMS, prefixes, PATIENCE);
        }
        if (!paths.isEmpty()) {
            scripts.remove(paths, PATIENCE);
        }
    }
}
