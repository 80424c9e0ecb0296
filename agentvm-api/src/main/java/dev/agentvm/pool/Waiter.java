package dev.agentvm.pool;

import java.time.Instant;
import java.util.concurrent.CompletableFuture;

/**
 * Someone who waits for a VM.
 *
 * @param since when that began
 * @param given completes with the VM that is lent, or with the reason why none will be
 */
record Waiter(Instant since, CompletableFuture<Member> given) {
    Waiter(Instant since) {
        this(since, new CompletableFuture<>());
    }
}
