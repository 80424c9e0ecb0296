package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.VMRestoredException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes the calls of one VM one after the other, in the order they came, on a thread of its own that it has only while
 * there are calls. libvirt serialises them anyway; so a mute agent holds one thread and one place at libvirt, however
 * many commands wait, and a waiter can be woken without the channel's help. Safe for use by many threads.
 */
final class AgentQueue {
    /** What a channel gets beyond the timeout that it was told, before it is taken for stuck. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    private static final long WORTHWHILE = TimeUnit.SECONDS.toNanos(2);

    private final String vmName;
    private final AgentChannel channel;
    private final Executor executor;
    private final CompletableFuture<Void> failure = new CompletableFuture<>();
    private volatile @Nullable AgentVMException failureReason;
    private final Deque<Call> waiting = new ArrayDeque<>();
    private @Nullable Call current;
    private boolean working;
    /** Held during a call, and while there shall be none; fair, so that who wants none gets it between two. */
    private final ReentrantLock turn = new ReentrantLock(true);

    /** How long there was quiet altogether, and since when there is, in nanoseconds; its clocks stand still then. */
    private long quiet;

    private long quietSince;
    private boolean isQuiet;

    private record Call(
            String json,
            long timeout,
            long deadline,
            long quietBefore,
            Consumer<String> late,
            CompletableFuture<String> reply) {}

    AgentQueue(String vmName, AgentChannel channel, Executor executor) {
        this.vmName = vmName;
        this.channel = channel;
        this.executor = executor;
    }

    /** Ends every call and every {@link #pause}, now and from now on, with this reason. */
    void fail(AgentVMException reason) {
        Deque<Call> ended;
        synchronized (waiting) {
            if (failureReason != null) {
                return;
            }
            failureReason = reason;
            ended = new ArrayDeque<>(waiting);
            waiting.clear();
            if (current != null) {
                ended.add(current);
            }
        }
        failure.completeExceptionally(reason);
        ended.forEach(call -> call.reply().completeExceptionally(reason));
    }

    /** Runs something when {@link #fail} is told a reason, at once if it was. */
    void whenFailed(Runnable task) {
        CompletableFuture<Void> unused = failure.whenComplete((nothing, reason) -> task.run());
    }

    /**
     * Makes a call and waits for its reply, whatever interrupts.
     *
     * @param late gets the reply if it comes after this has given up, on a thread where it may make calls
     */
    String call(String json, Duration timeout, Consumer<String> late) {
        Consumer<String> aside = reply -> executor.execute(() -> late.accept(reply));
        long nanos = timeout.toNanos();
        Call call = new Call(json, nanos, System.nanoTime() + nanos, quietNanos(), aside, new CompletableFuture<>());
        enqueue(call);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return call.reply().get(left(call) + GRACE.toNanos(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw thrown(e.getCause());
                } catch (TimeoutException e) {
                    if (left(call) + GRACE.toNanos() > 0 || !call.reply().completeExceptionally(e)) {
                        continue;
                    }
                    throw silent(timeout, e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits; throws at once what {@link #fail} was told. */
    void pause(Duration time) throws InterruptedException {
        try {
            failure.get(time.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return;
        } catch (ExecutionException e) {
            throw thrown(e.getCause());
        }
    }

    /** As {@link #pause}, whatever interrupts. */
    void pauseUninterrupted(Duration time) {
        long until = System.nanoTime() + time.toNanos();
        boolean interrupted = false;
        while (true) {
            try {
                pause(Duration.ofNanos(Math.max(0, until - System.nanoTime())));
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void enqueue(Call call) {
        synchronized (waiting) {
            if (failureReason != null) {
                call.reply().completeExceptionally(failureReason);
                return;
            }
            waiting.add(call);
            if (working) {
                return;
            }
            working = true;
        }
        try {
            executor.execute(this::work);
        } catch (RuntimeException | Error e) {
            synchronized (waiting) {
                working = false;
                waiting.forEach(waiter -> waiter.reply().completeExceptionally(e));
                waiting.clear();
            }
        }
    }

    private void work() {
        while (true) {
            Call call;
            synchronized (waiting) {
                call = waiting.poll();
                current = call;
                if (call == null) {
                    working = false;
                    return;
                }
            }
            make(call);
        }
    }

    /** Does something while no call is under way; those that come meanwhile wait, and their time does not run. */
    void whileQuiet(Runnable work) {
        turn.lock();
        try {
            beQuiet(true);
            work.run();
        } finally {
            beQuiet(false);
            turn.unlock();
        }
    }

    /** As {@link #whileQuiet(Runnable)} if the call that is under way ends soon enough; else beside it. */
    void whileQuiet(Duration patience, Runnable work) {
        if (!tryTurn(patience)) {
            work.run();
            return;
        }
        try {
            whileQuiet(work);
        } finally {
            turn.unlock();
        }
    }

    private boolean tryTurn(Duration patience) {
        try {
            return turn.tryLock(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void beQuiet(boolean begins) {
        synchronized (waiting) {
            if (begins) {
                quietSince = System.nanoTime();
            } else if (isQuiet) {
                quiet += System.nanoTime() - quietSince;
            }
            isQuiet = begins;
        }
    }

    private long quietNanos() {
        synchronized (waiting) {
            return quiet + (isQuiet ? System.nanoTime() - quietSince : 0);
        }
    }

    /** How much of its time is left to a call; what it waited for quiet to end does not count. */
    private long left(Call call) {
        return call.deadline() + quietNanos() - call.quietBefore() - System.nanoTime();
    }

    private void make(Call call) {
        turn.lock();
        try {
            makeInTurn(call);
        } finally {
            turn.unlock();
        }
    }

    private void makeInTurn(Call call) {
        long left = left(call);
        // What would hardly be answered in time is better not asked.
        if (left < Math.min(WORTHWHILE, call.timeout() / 2)) {
            call.reply().completeExceptionally(new TimeoutException());
            return;
        }
        try {
            String reply = channel.call(call.json(), Duration.ofNanos(left), call.late());
            if (!call.reply().complete(reply)) {
                call.late().accept(reply);
            }
        } catch (RuntimeException | Error e) {
            call.reply().completeExceptionally(e);
        }
    }

    /** An exception for this thread, with its own stack, for one that arose elsewhere. */
    private AgentVMException thrown(@Nullable Throwable cause) {
        FailureContext context = FailureContext.of("exec").vm(vmName);
        String message = cause == null || cause.getMessage() == null ? "" : cause.getMessage();
        if (cause instanceof VMDestroyedException) {
            return new VMDestroyedException(message, context, cause);
        }
        if (cause instanceof VMRestoredException) {
            return new VMRestoredException(message, context.retryable(true), cause);
        }
        if (cause instanceof VMNotFoundException) {
            // The call came before libvirt's word of the end.
            return new VMDestroyedException("VM " + vmName + " is gone: its domain no longer exists", context, cause);
        }
        if (cause instanceof OperationTimeoutException || cause instanceof TimeoutException) {
            return new GuestAgentException(
                    "The guest agent of " + vmName + " did not answer in time"
                            + (message.isEmpty() ? "" : ": " + message),
                    context.retryable(true),
                    cause);
        }
        if (cause instanceof GuestAgentException e) {
            return new GuestAgentException(message, withCode(context.retryable(e.retryable()), e), cause);
        }
        if (cause instanceof AgentVMException e) {
            return e;
        }
        return new AgentVMException("A call of the guest agent of " + vmName + " failed: " + cause, context, cause);
    }

    private static FailureContext withCode(FailureContext context, AgentVMException failure) {
        OptionalInt code = failure.libvirtCode();
        OptionalInt domain = failure.libvirtDomain();
        return code.isPresent() && domain.isPresent() ? context.libvirt(code.getAsInt(), domain.getAsInt()) : context;
    }

    private AgentVMException silent(Duration timeout, Throwable cause) {
        return new GuestAgentException(
                "The guest agent of " + vmName + " did not answer within " + timeout.toSeconds() + " s",
                FailureContext.of("exec").vm(vmName).retryable(true),
                cause);
    }
}
