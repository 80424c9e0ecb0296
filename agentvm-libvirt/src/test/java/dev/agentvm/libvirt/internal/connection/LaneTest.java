package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LaneTest {
    private static final Errors.Operation OPERATION = new Errors.Operation("create", null);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final Duration LONG = Duration.ofSeconds(20);

    private final Background cleanup = new Background("cleanup-test");
    private final Lane lane = Lane.sharing(
            "lane-test",
            new ManagedConnection("test", LibvirtOptions.of(TestDriver.URI), cleanup, new ManagedConnection.Owner() {}),
            cleanup);
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger undone = new AtomicInteger();

    @AfterEach
    void close() throws InterruptedException {
        go.countDown();
        lane.close();
        assertThat(lane.executor().awaitTermination(5, TimeUnit.SECONDS)).isTrue();
        cleanup.executor().shutdown();
        assertThat(cleanup.executor().awaitTermination(5, TimeUnit.SECONDS)).isTrue();
    }

    private Scope scope(Duration timeout) {
        return new Scope(timeout, Optional.of(undone::incrementAndGet));
    }

    private String slow() {
        begun.incrementAndGet();
        try {
            go.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return "made";
    }

    @Test
    void timeout_thenSuccess_isUndoneOnce() {
        assertThatThrownBy(() -> lane.run(scope(SHORT), OPERATION, this::slow))
                .isInstanceOfSatisfying(
                        OperationTimeoutException.class,
                        e -> assertThat(e.operation()).isEqualTo("create"));
        assertThat(undone).hasValue(0);
        go.countDown();
        Awaitility.await().until(() -> undone.get() == 1);
        assertThat(lane.run(scope(LONG), OPERATION, this::slow)).isEqualTo("made");
        assertThat(undone).hasValue(1);
    }

    @Test
    void call_givenUpByAnother_isOverAtOnce() throws Exception {
        Set<PendingCall<?>> calls = ConcurrentHashMap.newKeySet();
        CompletableFuture<String> waiting =
                CompletableFuture.supplyAsync(() -> lane.run(scope(LONG), OPERATION, calls, this::slow));
        Awaitility.await().until(() -> begun.get() == 1);

        calls.forEach(call -> call.fail(new IllegalStateException("it has ended")));

        assertThatThrownBy(() -> waiting.get(5, TimeUnit.SECONDS)).hasStackTraceContaining("it has ended");
        assertThat(calls).isEmpty();
        go.countDown();
        Awaitility.await().until(() -> undone.get() == 1);
    }

    @Test
    void timeout_thenFailure_hasNothingToUndo() {
        assertThatThrownBy(() -> lane.run(scope(SHORT), OPERATION, () -> {
                    slow();
                    throw new IllegalStateException("failed after all");
                }))
                .isInstanceOf(OperationTimeoutException.class);
        go.countDown();
        assertThat(lane.run(scope(LONG), OPERATION, this::slow)).isEqualTo("made");
        assertThat(undone).hasValue(0);
    }

    @Test
    void timeout_whileQueued_neverBegins() {
        CompletableFuture<?>[] busy = new CompletableFuture<?>[Lane.CALLS_AT_ONCE];
        for (int i = 0; i < busy.length; i++) {
            busy[i] = CompletableFuture.supplyAsync(
                    () -> lane.run(scope(LONG), OPERATION, this::slow), task -> new Thread(task).start());
        }
        Awaitility.await().until(() -> begun.get() == Lane.CALLS_AT_ONCE);
        assertThatThrownBy(() -> lane.run(scope(SHORT), OPERATION, this::slow))
                .isInstanceOf(OperationTimeoutException.class);
        go.countDown();
        CompletableFuture.allOf(busy).join();
        assertThat(begun).hasValue(Lane.CALLS_AT_ONCE);
        assertThat(undone).hasValue(0);
    }

    @Test
    void interrupt_getsExceptionAndFlag_andTheUndo() {
        Thread caller = Thread.currentThread();
        CompletableFuture<Void> interrupt = CompletableFuture.runAsync(() -> {
            Awaitility.await().until(() -> begun.get() == 1);
            caller.interrupt();
        });
        assertThatThrownBy(() -> lane.run(scope(LONG), OPERATION, this::slow))
                .isInstanceOfSatisfying(
                        AgentVMException.class, e -> assertThat(e.retryable()).isTrue())
                .hasMessageContaining("interrupted");
        assertThat(Thread.interrupted()).isTrue();
        interrupt.join();
        go.countDown();
        Awaitility.await().until(() -> undone.get() == 1);
    }

    @Test
    void close_failsCallsUnderWay_atOnce() {
        CompletableFuture<Throwable> failure = CompletableFuture.supplyAsync(() -> {
            try {
                lane.run(scope(LONG), OPERATION, this::slow);
                return new AssertionError("no failure");
            } catch (RuntimeException e) {
                return e;
            }
        });
        Awaitility.await().until(() -> begun.get() == 1);
        lane.close();
        assertThat(failure.orTimeout(5, TimeUnit.SECONDS).join())
                .isInstanceOf(HypervisorUnavailableException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> lane.run(scope(LONG), OPERATION, this::slow))
                .isInstanceOf(HypervisorUnavailableException.class);
    }
}
