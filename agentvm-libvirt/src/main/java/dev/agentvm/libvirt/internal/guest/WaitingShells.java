package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.GuestAgentException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shells of one workspace that were begun ahead, so that a command need not wait until its session, its shell and its
 * files are there: most of what a short one takes. Safe for use by many threads.
 */
final class WaitingShells {
    /** A command that comes right after another finds one too. */
    static final int USUAL = 2;

    /** The shell reads what it shall do byte by byte. */
    private static final int LONGEST = 4096;

    private static final Logger LOG = LoggerFactory.getLogger(WaitingShells.class);
    private static final Duration BEGINNING = Duration.ofSeconds(30);
    private static final Duration ENDING = Duration.ofSeconds(5);
    /** In a row of commands those that come would only wait for those that are begun for later. */
    private static final Duration QUIET = Duration.ofMillis(100);

    private final AgentCalls calls;
    private final Killer killer;
    private final Housekeeping housekeeping;
    private final Executor background;
    private final LongSupplier numbers;
    private final Workspace workspace;
    private final int most;

    private final Deque<WaitingShell> waiting = new ArrayDeque<>();
    private long commands;
    private boolean beginning;
    private boolean over;

    /**
     * None yet.
     *
     * @param numbers the number of the next command
     * @param most how many wait at a time; 0 for none ever
     */
    WaitingShells(
            AgentCalls calls,
            Killer killer,
            Housekeeping housekeeping,
            Executor background,
            LongSupplier numbers,
            Workspace workspace,
            int most) {
        this.calls = calls;
        this.killer = killer;
        this.housekeeping = housekeeping;
        this.background = background;
        this.numbers = numbers;
        this.workspace = workspace;
        this.most = most;
    }

    /** Whether one can become that command: input would have to come with its start. */
    private static boolean suits(Command command) {
        long length = Scripts.parameters(command).stream()
                .mapToLong(parameter -> parameter.getBytes(StandardCharsets.UTF_8).length)
                .sum();
        return command.stdin().length == 0 && length <= LONGEST;
    }

    /** One that is the caller's now, if it is there still; empty if none waits, or none can become the command. */
    synchronized Optional<WaitingShell> take(Command command) {
        commands++;
        return suits(command) ? Optional.ofNullable(waiting.poll()) : Optional.empty();
    }

    /** What is left of one that is no more. */
    private void forget(WaitingShell shell) {
        housekeeping.discard(shell.handles(), Scripts.files(workspace.files(shell.number())), 0);
    }

    /** Begins others in the background until there are enough, unless another command comes at once. */
    void replenish() {
        long before;
        synchronized (this) {
            if (isEnough()) {
                return;
            }
            before = commands;
        }
        CompletableFuture.delayedExecutor(QUIET.toMillis(), TimeUnit.MILLISECONDS, background)
                .execute(() -> begin(before));
    }

    /** Whether none is to be begun now. The lock is held. */
    private boolean isEnough() {
        return over || beginning || waiting.size() >= most;
    }

    private void begin(long commandsBefore) {
        synchronized (this) {
            if (isEnough() || commands != commandsBefore) {
                return;
            }
            beginning = true;
        }
        begin();
    }

    private void begin() {
        boolean hopeless = true;
        try {
            Optional<WaitingShell> shell = beginOne();
            while (shell.isPresent() && add(shell.get())) {
                shell = beginOne();
            }
            hopeless = shell.isEmpty();
        } catch (AgentVMException e) {
            LOG.debug("No shell waits in {}", calls.vmName(), e);
            hopeless = !e.retryable();
        } finally {
            synchronized (this) {
                beginning = false;
                over |= hopeless;
            }
        }
    }

    /** Whether there shall be more. */
    private boolean add(WaitingShell shell) {
        synchronized (this) {
            if (!over) {
                waiting.add(shell);
                return waiting.size() < most;
            }
        }
        dismiss(List.of(shell));
        return false;
    }

    private Optional<WaitingShell> beginOne() {
        long number = numbers.getAsLong();
        String files = workspace.files(number);
        String end = Long.toHexString(UUID.randomUUID().getMostSignificantBits());
        List<String> arguments = Scripts.arguments(Scripts.waiting(workspace, number, end), List.of());
        long pid = calls.exec(
                workspace.program(),
                workspace.arguments(arguments),
                new byte[0],
                BEGINNING,
                late -> kill(late, number));
        List<Long> handles = new ArrayList<>();
        boolean done = false;
        try {
            long deadline = System.nanoTime() + BEGINNING.toNanos();
            if (awaitPipe(pid, files, handles, deadline)) {
                handles.add(calls.open(files + ".out", "a+"));
                handles.add(calls.open(files + ".err", "a+"));
                done = true;
                return Optional.of(new WaitingShell(pid, number, end, handles.get(0), handles.get(1), handles.get(2)));
            }
            return Optional.empty();
        } finally {
            if (!done) {
                kill(pid, number);
                housekeeping.discard(handles, List.of(), 0);
            }
        }
    }

    /** Opens the pipe as soon as it is there; false if there will be none. */
    private boolean awaitPipe(long pid, String files, List<Long> handles, long deadline) {
        Backoff backoff = new Backoff(System.nanoTime());
        while (true) {
            try {
                // For reading too, since else it would be waited for by the agent.
                handles.add(calls.open(files + ".run", "r+"));
                return true;
            } catch (GuestAgentException e) {
                if (!Starter.isMissing(e)) {
                    throw e;
                }
            }
            long now = System.nanoTime();
            if (now - deadline >= 0 || calls.status(pid, ENDING).exited()) {
                return false;
            }
            calls.queue().pauseUninterrupted(backoff.next(now, deadline, 1));
        }
    }

    private void kill(long pid, long number) {
        try {
            boolean unused = killer.kill(pid);
        } catch (AgentVMException e) {
            LOG.debug("A shell that was to wait in {} may be left", calls.vmName(), e);
        }
        housekeeping.discard(List.of(), Scripts.files(workspace.files(number)), 0);
    }

    /** Ends those that wait; others may follow. */
    void dismiss() {
        List<WaitingShell> all;
        synchronized (this) {
            all = List.copyOf(waiting);
            waiting.clear();
        }
        dismiss(all);
    }

    /** Ends those that wait, and no others follow. */
    void end() {
        synchronized (this) {
            over = true;
        }
        dismiss();
    }

    private void dismiss(List<WaitingShell> shells) {
        AgentVMException failure = null;
        for (WaitingShell shell : shells) {
            try {
                dismiss(shell);
            } catch (AgentVMException e) {
                housekeeping.abandon(shell, workspace.files(shell.number()));
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void dismiss(WaitingShell shell) {
        try {
            calls.write(shell.control(), Scripts.delivery("exit\n", List.of(), shell.end()), ENDING, () -> {});
            AgentCalls.Status unused =
                    killer.scripts().awaitEnd("A shell that waited", shell.pid(), System.nanoTime() + ENDING.toNanos());
        } catch (GuestAgentException e) {
            if (!AgentCalls.saysUnknown(e)) {
                throw e;
            }
            // The agent has started anew.
            housekeeping.end(shell, workspace.files(shell.number()));
        }
        forget(shell);
    }
}
