package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

class PendingCallTest {
    private final List<String> late = new ArrayList<>();

    @Test
    void result_reachesCaller_notLate() throws Exception {
        PendingCall<String> call = new PendingCall<>(() -> "a", late::add);
        call.run();
        assertThat(call.await(Duration.ofSeconds(1))).isEqualTo("a");
        assertThat(late).isEmpty();
    }

    @Test
    void failure_reachesCaller() {
        PendingCall<String> call = new PendingCall<>(
                () -> {
                    throw new IllegalStateException("no");
                },
                late::add);
        call.run();
        assertThatThrownBy(() -> call.await(Duration.ofSeconds(1)))
                .isInstanceOf(ExecutionException.class)
                .hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    void givenUpBeforeTheBegin_neverBegins() {
        List<String> begun = new ArrayList<>();
        PendingCall<String> call = new PendingCall<>(
                () -> {
                    begun.add("begun");
                    return "a";
                },
                late::add);
        assertThatThrownBy(() -> call.await(Duration.ofMillis(1))).isInstanceOf(TimeoutException.class);
        call.run();
        assertThat(begun).isEmpty();
        assertThat(late).isEmpty();
    }

    @Test
    void givenUpWhileRunning_resultIsLate() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        PendingCall<String> call = new PendingCall<>(
                () -> {
                    begun.countDown();
                    awaitQuietly(go);
                    return "a";
                },
                late::add);
        Thread thread = new Thread(call);
        thread.start();
        begun.await();
        assertThatThrownBy(() -> call.await(Duration.ofMillis(1))).isInstanceOf(TimeoutException.class);
        go.countDown();
        thread.join();
        assertThat(late).containsExactly("a");
    }

    @Test
    void interruptedAfterTheResult_keepsResultAndFlag() throws Exception {
        PendingCall<String> call = new PendingCall<>(() -> "a", late::add);
        call.run();
        Thread.currentThread().interrupt();
        assertThat(call.await(Duration.ofSeconds(1))).isEqualTo("a");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(late).isEmpty();
    }

    @Test
    void failedFromOutside_whileRunning_resultIsLate() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        PendingCall<String> call = new PendingCall<>(
                () -> {
                    begun.countDown();
                    awaitQuietly(go);
                    return "a";
                },
                late::add);
        Thread thread = new Thread(call);
        thread.start();
        begun.await();
        call.fail(new IllegalStateException("closed"));
        assertThatThrownBy(() -> call.await(Duration.ofSeconds(1))).hasRootCauseMessage("closed");
        go.countDown();
        thread.join();
        assertThat(late).containsExactly("a");
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
