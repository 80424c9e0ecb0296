package dev.agentvm.testkit;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A call on a thread of its own, which a test looks at from outside. */
final class Call<T> {
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final Thread thread;
    private volatile boolean interruptKept;
    private volatile long end;

    private Call(Callable<T> work) {
        thread = new Thread(
                () -> {
                    try {
                        T value = work.call();
                        end = System.nanoTime();
                        result.complete(value);
                    } catch (Throwable e) {
                        end = System.nanoTime();
                        interruptKept = Thread.currentThread().isInterrupted();
                        result.completeExceptionally(e);
                    }
                },
                "contract");
        thread.setDaemon(true);
    }

    /** Begins it. */
    static <T> Call<T> begin(Callable<T> work) {
        Call<T> call = new Call<>(work);
        call.thread.start();
        return call;
    }

    boolean isOver() {
        return result.isDone();
    }

    /** Whether it stands still until something happens. */
    boolean waits() {
        return switch (thread.getState()) {
            case WAITING, TIMED_WAITING, BLOCKED -> true;
            default -> false;
        };
    }

    void interrupt() {
        thread.interrupt();
    }

    /** Whether its thread was marked as interrupted when it failed. */
    boolean interruptKept() {
        return interruptKept;
    }

    /** When it was over, once it is, as {@link System#nanoTime} counts. */
    long end() {
        return end;
    }

    /** What it threw, once it is over; null if it returned. */
    @Nullable Throwable failure() {
        return result.handle((value, failure) -> failure).join();
    }

    /** What it returned, once it is over. */
    T value() {
        return result.join();
    }
}
