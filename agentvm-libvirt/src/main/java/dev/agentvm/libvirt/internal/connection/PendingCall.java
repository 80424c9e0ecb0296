package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A call between the thread that wants its result and the library thread that makes it. The caller may give up: then
 * the call never begins, or, if it has begun, its result goes to {@code late}. Exactly one of caller and {@code late}
 * gets a result.
 */
final class PendingCall<T> implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(PendingCall.class);

    private enum Phase {
        QUEUED,
        RUNNING,
        DONE,
        ABANDONED
    }

    private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.QUEUED);
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final Supplier<T> body;
    private final Consumer<? super T> late;

    PendingCall(Supplier<T> body, Consumer<? super T> late) {
        this.body = body;
        this.late = late;
    }

    /** Makes the call, unless its caller has given up. */
    @Override
    public void run() {
        if (!phase.compareAndSet(Phase.QUEUED, Phase.RUNNING)) {
            return;
        }
        T value;
        try {
            value = body.get();
        } catch (RuntimeException | Error e) {
            if (phase.compareAndSet(Phase.RUNNING, Phase.DONE)) {
                result.completeExceptionally(e);
            } else {
                LOG.debug("A call failed after its caller gave up", e);
            }
            return;
        }
        if (phase.compareAndSet(Phase.RUNNING, Phase.DONE)) {
            result.complete(value);
        } else {
            late.accept(value);
        }
    }

    /** Fails the call, if it is not done, as if its caller gave up. */
    void fail(RuntimeException failure) {
        if (abandon()) {
            result.completeExceptionally(failure);
        }
    }

    boolean abandoned() {
        return phase.get() == Phase.ABANDONED;
    }

    /**
     * Waits for the result. A result that comes as the caller gives up is the caller's.
     *
     * @throws ExecutionException with what the call threw
     * @throws TimeoutException if time is up: the call is given up
     * @throws InterruptedException if the thread is interrupted: the call is given up
     */
    T await(Duration timeout) throws ExecutionException, TimeoutException, InterruptedException {
        try {
            return result.get(Durations.nanos(timeout), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            if (abandon()) {
                throw e;
            }
            return result.get();
        } catch (InterruptedException e) {
            if (abandon()) {
                throw e;
            }
            // Done, or about to be: the flag stays set for whatever the caller does next.
            T value = uninterruptibly();
            Thread.currentThread().interrupt();
            return value;
        }
    }

    private T uninterruptibly() throws ExecutionException {
        while (true) {
            try {
                return result.get();
            } catch (InterruptedException e) {
                LOG.trace("Interrupted again", e);
            }
        }
    }

    private boolean abandon() {
        return phase.compareAndSet(Phase.QUEUED, Phase.ABANDONED)
                || phase.compareAndSet(Phase.RUNNING, Phase.ABANDONED);
    }
}
