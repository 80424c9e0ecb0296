package dev.agentvm.libvirt.internal;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** Work that must be done to its end although its caller is interrupted, before or meanwhile, such as undoing. */
public final class Uninterrupted {
    private Uninterrupted() {}

    /**
     * Runs {@code work} on a thread of its own, which nobody interrupts, and waits for its end. An interrupt of the
     * caller is kept for after.
     */
    public static void run(Runnable work) {
        CompletableFuture<Void> end = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        work.run();
                        end.complete(null);
                    } catch (RuntimeException | Error e) {
                        end.completeExceptionally(e);
                    }
                },
                "agentvm-uninterrupted");
        thread.setDaemon(true);
        thread.start();
        await(end);
    }

    private static void await(CompletableFuture<Void> end) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    end.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw rethrown(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static RuntimeException rethrown(@Nullable Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return failure instanceof RuntimeException exception
                ? exception
                : new CompletionException(String.valueOf(failure), failure);
    }
}
