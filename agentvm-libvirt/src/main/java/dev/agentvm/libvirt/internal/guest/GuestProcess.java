package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A started command. What moves its streams and learns of its end is the supervisor's thread; any may wait for it. */
final class GuestProcess {
    private static final Logger LOG = LoggerFactory.getLogger(GuestProcess.class);
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final Duration BEGINNING = Duration.ofSeconds(60);
    private static final long SHORTEST = Duration.ofMillis(30).toNanos();
    private static final long LONGEST = Duration.ofMillis(500).toNanos();
    private static final long PER_COMMAND = Duration.ofMillis(10).toNanos();
    /** How long after the end of a command its outputs end by themselves, unless others hold them open. */
    private static final long LAST_WORDS = Duration.ofMillis(150).toNanos();

    private static final long INCOMPLETE = Duration.ofSeconds(30).toNanos();

    private final Starter starter;
    private final AgentCalls calls;
    private final Executor executor;
    private final UnaryOperator<AgentVMException> explain;
    private final long number;
    private final long begin = System.nanoTime();
    private final Spool out;
    private final Spool err;
    private final Feed in;
    private final CompletableFuture<Void> begun = new CompletableFuture<>();
    private final CompletableFuture<ExitStatus> exit = new CompletableFuture<>();
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private volatile long pid;
    private volatile @Nullable CompletableFuture<String> stopping;
    private AgentCalls.@Nullable Status status;
    private long nextQuestion;
    private long lastMove;
    private boolean seenBefore;
    private boolean marked;

    /** @param explain says what a failure really means, as when the VM is gone and the agent therefore silent */
    GuestProcess(
            Starter starter,
            Executor executor,
            UnaryOperator<AgentVMException> explain,
            long number,
            Sink stdout,
            Sink stderr,
            InputBuffer stdin) {
        this.starter = starter;
        this.explain = explain;
        this.calls = starter.calls();
        this.executor = executor;
        this.number = number;
        this.out = new Spool(calls, starter.files() + ".o", stdout);
        this.err = new Spool(calls, starter.files() + ".e", stderr);
        this.in = new Feed(calls, starter.files(), stdin);
    }

    long number() {
        return number;
    }

    String name() {
        return starter.name();
    }

    Command command() {
        return starter.command();
    }

    String files() {
        return starter.files();
    }

    /** How it ended; never fails. */
    CompletableFuture<ExitStatus> exit() {
        return exit;
    }

    /** Its end is known, and its outputs are complete, or never will be. */
    CompletableFuture<Void> over() {
        return over;
    }

    /** Whether it has, or had, a process in the guest. */
    boolean isStarted() {
        return pid != 0;
    }

    /**
     * Starts it and waits until it is under way.
     *
     * @throws Starter.WorkspaceGoneException if it was not started, for want of its directory
     */
    void start(Scripts.Redirection streams) throws Starter.WorkspaceGoneException {
        pid = starter.start(streams, new byte[0], command().timeout());
        try {
            begun.get(BEGINNING.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Starter.WorkspaceGoneException gone) {
                throw gone;
            }
            if (e.getCause() instanceof GuestAgentException reason && Starter.isMissing(reason)) {
                throw new Starter.WorkspaceGoneException(reason);
            }
            if (e.getCause() instanceof AgentVMException reason) {
                throw reason;
            }
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            String fate = stop();
            Thread.currentThread().interrupt();
            throw new AgentVMException("The start of " + name() + " was interrupted" + fate, calls.context(), e);
        } catch (TimeoutException e) {
            String fate = stop();
            throw new GuestAgentException(
                    name() + " had not begun " + BEGINNING.toSeconds() + " s after its start" + fate,
                    calls.context().retryable(true),
                    e);
        }
    }

    /** Takes an event's word. */
    void on(String stream, String kind, long count) throws MalformedReplyException {
        switch (stream) {
            case "b" -> begun.complete(null);
            case "o" -> out.on(kind, count);
            case "e" -> err.on(kind, count);
            case "i" -> in.on(kind, count);
            default -> throw new MalformedReplyException("there is no stream " + stream);
        }
    }

    /**
     * Moves its streams on, and asks after its end when it is time to.
     *
     * @param others how many commands are watched
     * @param allTold whether all that the guest told so far is known
     * @return whether anything has happened
     */
    boolean step(int others, boolean allTold) {
        boolean moved = out.drain();
        moved |= err.drain();
        long now = System.nanoTime();
        lastMove = moved ? now : lastMove;
        if (pid == 0) {
            return moved;
        }
        if (status == null) {
            // Before it is under way its pipes may not be there.
            moved |= begun.isDone() && in.send();
            moved |= ask(now, others);
        }
        if (status == null && now - begin - command().timeout().toNanos() >= 0 && stopping == null) {
            stopInTime();
        }
        AgentCalls.Status ended = status;
        // That it was under way may be told after its end was seen, and is known in the next round.
        if (ended != null && (begun.isDone() || (seenBefore && allTold))) {
            moved |= conclude(ended, System.nanoTime());
        }
        seenBefore = ended != null;
        return moved;
    }

    /** Whether all that it waits for is that somebody reads. */
    boolean isHeldUp() {
        return status != null && (out.isHeldUp() || err.isHeldUp());
    }

    private boolean ask(long now, int others) {
        boolean outputsEnded = out.isOver() && err.isOver();
        if (!outputsEnded && now - nextQuestion < 0 && nextQuestion != 0) {
            return false;
        }
        long pause = Math.max(SHORTEST, Math.min(LONGEST, (now - begin) / 8));
        nextQuestion = now + Math.max(pause, others * PER_COMMAND);
        AgentCalls.Status seen = calls.status(pid, Starter.KILL_PATIENCE);
        if (!seen.exited()) {
            return false;
        }
        status = seen;
        lastMove = System.nanoTime();
        in.end(name() + " has ended, and reads no more", null);
        return true;
    }

    /** Its process has ended: tells so, and sees to it that its outputs end too. */
    private boolean conclude(AgentCalls.Status ended, long now) {
        CompletableFuture<String> stop = stopping;
        if (!exit.isDone()) {
            if (stop != null && !stop.isDone()) {
                return false;
            }
            exit.complete(statusOf(ended, stop));
            failBeginning(ended);
            return true;
        }
        if (out.isOver() && err.isOver()) {
            over.complete(null);
            return true;
        }
        if (out.isHeldUp() || err.isHeldUp()) {
            lastMove = now;
        } else if (!marked && now - lastMove >= LAST_WORDS) {
            marked = true;
            markEnd();
        } else if (now - lastMove >= INCOMPLETE) {
            GuestAgentException incomplete = new GuestAgentException(
                    name() + " has ended, but the end of its output did not come", calls.context());
            out.end(incomplete);
            err.end(incomplete);
        }
        return false;
    }

    private ExitStatus statusOf(AgentCalls.Status ended, @Nullable CompletableFuture<String> stop) {
        if (stop != null) {
            return ExitStatus.failed(new CommandTimeoutException(
                    name() + " ran longer than its timeout of " + command().timeout() + stop.getNow(""),
                    calls.context()));
        }
        if (!ended.output().isEmpty() || ended.exitCode().orElse(0) == Scripts.NOTE_LEFT) {
            return starter.notStarted(ended, new byte[0])
                    .map(ExitStatus::failed)
                    .orElseGet(() -> plain(ended));
        }
        return plain(ended);
    }

    private static ExitStatus plain(AgentCalls.Status ended) {
        return ended.signal().isPresent()
                ? ExitStatus.signaled(ended.signal().getAsInt())
                : ExitStatus.exited(ended.exitCode().orElse(0));
    }

    /** If it never was under way, this is why. */
    private void failBeginning(AgentCalls.Status ended) {
        if (begun.isDone()) {
            return;
        }
        try {
            boolean missing = ended.errors().contains("No such file or directory")
                    || ended.errors().contains("nonexistent directory");
            throw ended.output().isEmpty()
                    ? exit.join()
                            .failure()
                            .orElseGet(() -> new GuestAgentException(
                                    name() + " was not started, for a reason that its shell did not say: "
                                            + exit.join(),
                                    calls.context()))
                    : starter.notBegun(ended, missing && ended.output().equals(Scripts.AT_OUTPUT));
        } catch (AgentVMException | Starter.WorkspaceGoneException e) {
            begun.completeExceptionally(e);
        }
    }

    /** Processes that outlived it hold its outputs open: marks where in them it ended. */
    private void markEnd() {
        byte[] random = new byte[16];
        RANDOM.nextBytes(random);
        String mark = HexFormat.of().formatHex(random);
        List<String> parameters = new ArrayList<>(List.of(mark));
        for (Spool output : List.of(out, err)) {
            if (!output.isOver()) {
                output.endsAt(mark.getBytes(StandardCharsets.US_ASCII));
            }
        }
        parameters.add(files() + ".o");
        parameters.add(files() + ".e");
        inBackground(() -> {
            AgentCalls.Status unused = starter.scripts()
                    .run("Marking the end of a command", Scripts.MARK, parameters, Starter.KILL_PATIENCE);
        });
    }

    private void stopInTime() {
        CompletableFuture<String> fate = new CompletableFuture<>();
        stopping = fate;
        inBackground(() -> {
            try {
                fate.complete(Starter.fate(starter.kill(pid)));
            } catch (AgentVMException e) {
                fate.complete(Starter.killingFailed(e));
                lost(new CommandTimeoutException(
                        name() + " ran longer than its timeout of " + command().timeout() + fate.join(),
                        calls.context(),
                        e));
            }
        });
    }

    /** It cannot be watched any more, for that reason; it is killed if that is still possible. */
    void abandon(GuestAgentException reason) {
        inBackground(() -> {
            // Silent, it would not hear a kill either.
            String fate = reason.retryable() ? "; it may still be running" : stop();
            lost(new GuestAgentException(
                    name() + " was lost" + fate + ": " + reason.getMessage(),
                    calls.context().retryable(reason.retryable()),
                    reason));
        });
    }

    /** It is gone, for that reason. */
    void lost(AgentVMException reason) {
        if (reason instanceof VMDestroyedException) {
            finish(reason);
        } else {
            inBackground(() -> finish(explain.apply(reason)));
        }
    }

    private void finish(AgentVMException reason) {
        exit.complete(ExitStatus.failed(reason));
        begun.completeExceptionally(reason);
        out.end(reason);
        err.end(reason);
        in.end(name() + " is gone: " + reason.getMessage(), reason);
        over.complete(null);
    }

    void signal(int signal) {
        if (!exit.isDone() && pid != 0) {
            AgentCalls.Status unused = starter.scripts()
                    .run(
                            "Sending a signal",
                            Scripts.SIGNAL,
                            List.of(Integer.toString(signal), Long.toString(pid)),
                            Starter.KILL_PATIENCE);
        }
    }

    /**
     * Kills it with all that belong to it.
     *
     * @return whether none is left
     */
    boolean kill() {
        return exit.isDone() || pid == 0 || starter.kill(pid);
    }

    /** Kills it, and says how that went. */
    String stop() {
        try {
            return Starter.fate(kill());
        } catch (AgentVMException e) {
            return Starter.killingFailed(e);
        }
    }

    /** What is open at the agent. */
    List<Long> handles() {
        List<Long> handles = new ArrayList<>(out.handles());
        handles.addAll(err.handles());
        handles.addAll(in.handles());
        return handles;
    }

    private void inBackground(Runnable work) {
        try {
            executor.execute(() -> {
                try {
                    work.run();
                } catch (VMDestroyedException e) {
                    finish(e);
                } catch (AgentVMException e) {
                    LOG.debug("{} in {}", name(), calls.vmName(), e);
                }
            });
        } catch (RuntimeException e) {
            LOG.debug("No thread for {} in {}", name(), calls.vmName(), e);
        }
    }
}
