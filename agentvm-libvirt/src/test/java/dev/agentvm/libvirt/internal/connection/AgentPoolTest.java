package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AgentPoolTest {
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final int PLACES = 8;

    private final AgentPool pool = new AgentPool(IntStream.range(0, PLACES)
            .mapToObj(i -> new ManagedConnection(
                    "agent", LibvirtOptions.of(TestDriver.URI), Runnable::run, new ManagedConnection.Owner() {}))
            .toList());
    private final ExecutorService callers = Executors.newCachedThreadPool();
    private final Semaphore silence = new Semaphore(0);
    private final BlockingQueue<String> late = new LinkedBlockingQueue<>();

    @AfterEach
    void close() throws InterruptedException {
        silence.release(1000);
        pool.close();
        callers.shutdownNow();
        assertThat(pool.executor().awaitTermination(5, TimeUnit.SECONDS)).isTrue();
    }

    private static DomainRef domain(String name) {
        return new DomainRef(UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8)), name);
    }

    private String answered(String name, Duration timeout) {
        return pool.call(domain(name), operation(name), timeout, c -> "answer", late::add);
    }

    private String unanswered(String name, Duration timeout) {
        return pool.call(
                domain(name),
                operation(name),
                timeout,
                c -> {
                    silence.acquireUninterruptibly();
                    return "late " + name;
                },
                late::add);
    }

    private static Errors.Operation operation(String name) {
        return new Errors.Operation("guest-agent call", domain(name));
    }

    private void makeMute(int count) {
        List<Future<?>> calls = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String name = "mute" + i;
            calls.add(callers.submit(() ->
                    assertThatThrownBy(() -> unanswered(name, SHORT)).isInstanceOf(OperationTimeoutException.class)));
        }
        calls.forEach(AgentPoolTest::get);
    }

    private static void get(Future<?> future) {
        try {
            future.get(20, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void mutes_keepTheirPlacesUntilLibvirtReturns_othersGoOn() {
        makeMute(PLACES - 1);
        assertThat(pool.underWay()).isEqualTo(PLACES - 1);
        for (int i = 0; i < 20; i++) {
            assertThat(answered("live" + i, LONG)).isEqualTo("answer");
        }
    }

    @Test
    void knownMutes_holdHalfOfThePlaces() {
        makeMute(PLACES);
        silence.release(PLACES);
        Awaitility.await().until(() -> pool.underWay() == 0);
        assertThat(late).hasSize(PLACES);
        // They answered late, so none is held against them: only now are they known to be mute.
        makeMute(PLACES);
        List<Future<?>> again = new ArrayList<>();
        for (int i = 0; i < PLACES; i++) {
            String name = "mute" + i;
            again.add(callers.submit(() -> unanswered(name, LONG)));
        }
        assertThat(pool.underWay()).isEqualTo(PLACES);
        silence.release(2 * PLACES);
        again.forEach(AgentPoolTest::get);
    }

    @Test
    void mutes_waiting_neverTakeMoreThanHalf() throws Exception {
        // Each fails as libvirt says of an agent that does not respond, after more than a second.
        List<Future<?>> first = new ArrayList<>();
        for (int i = 0; i < PLACES; i++) {
            String name = "mute" + i;
            first.add(callers.submit(
                    () -> assertThatThrownBy(() -> unresponsive(name)).isInstanceOf(AgentVMException.class)));
        }
        first.forEach(AgentPoolTest::get);

        AtomicInteger begun = new AtomicInteger();
        CountDownLatch end = new CountDownLatch(1);
        List<Future<?>> second = new ArrayList<>();
        for (int i = 0; i < PLACES; i++) {
            String name = "mute" + i;
            second.add(callers.submit(() -> pool.call(
                    domain(name),
                    operation(name),
                    LONG,
                    c -> {
                        begun.incrementAndGet();
                        awaitQuietly(end);
                        return "";
                    },
                    late::add)));
        }
        Awaitility.await().until(() -> begun.get() == PLACES / 2);
        for (int i = 0; i < 20; i++) {
            assertThat(answered("live" + i, LONG)).isEqualTo("answer");
        }
        assertThat(begun).hasValue(PLACES / 2);
        end.countDown();
        second.forEach(AgentPoolTest::get);
        assertThat(begun).hasValue(PLACES);
    }

    private String unresponsive(String name) {
        return pool.call(
                domain(name),
                operation(name),
                LONG,
                c -> {
                    awaitQuietly(new CountDownLatch(1), 1100);
                    throw new dev.agentvm.libvirt.internal.nativeaccess.LibvirtError(
                            dev.agentvm.libvirt.internal.nativeaccess.ErrorCode.AGENT_UNRESPONSIVE, 10, "mute");
                },
                late::add);
    }

    @Test
    void oneDomain_oneCallAtATime_inOrder() {
        AtomicInteger together = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Future<?>> calls = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            calls.add(callers.submit(() -> pool.call(
                    domain("one"),
                    operation("one"),
                    LONG,
                    c -> {
                        most.accumulateAndGet(together.incrementAndGet(), Math::max);
                        awaitQuietly(new CountDownLatch(1), 5);
                        together.decrementAndGet();
                        return "";
                    },
                    late::add)));
        }
        calls.forEach(AgentPoolTest::get);
        assertThat(most).hasValue(1);
    }

    @Test
    void waiting_givenUp_neverBegins() {
        Future<?> running = callers.submit(() -> unanswered("one", LONG));
        Awaitility.await().until(() -> pool.underWay() == 1);
        AtomicInteger begun = new AtomicInteger();
        assertThatThrownBy(() -> pool.call(
                        domain("one"),
                        operation("one"),
                        SHORT,
                        c -> String.valueOf(begun.incrementAndGet()),
                        late::add))
                .isInstanceOfSatisfying(OperationTimeoutException.class, e -> {
                    assertThat(e.retryable()).isTrue();
                    assertThat(e.vmName()).contains("one");
                });
        silence.release();
        Awaitility.await().until(() -> pool.underWay() == 0);
        get(running);
        assertThat(begun).hasValue(0);
    }

    @Test
    void close_failsWaitingAndRunning_atOnce() {
        Future<?> running = callers.submit(() ->
                assertThatThrownBy(() -> unanswered("one", LONG)).isInstanceOf(HypervisorUnavailableException.class));
        Awaitility.await().until(() -> pool.underWay() == 1);
        Future<?> waiting = callers.submit(() ->
                assertThatThrownBy(() -> answered("one", LONG)).isInstanceOf(HypervisorUnavailableException.class));
        Awaitility.await().pollDelay(Duration.ofMillis(50)).until(() -> true);
        pool.close();
        get(running);
        get(waiting);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        awaitQuietly(latch, 20_000);
    }

    private static void awaitQuietly(CountDownLatch latch, long millis) {
        try {
            if (latch.await(millis, TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
