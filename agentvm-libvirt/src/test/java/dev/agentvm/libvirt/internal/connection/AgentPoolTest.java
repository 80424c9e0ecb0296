package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.GuestAgentException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class AgentPoolTest {
    private static final Duration LONG = Duration.ofSeconds(50);
    private static final Duration SHORT = Duration.ofMillis(50);
    private static final int PLACES = 16;

    private final ManualTiming timing = new ManualTiming();
    private final AgentPool pool = new AgentPool(
            IntStream.range(0, PLACES)
                    .mapToObj(i -> new ManagedConnection(
                            "agent",
                            LibvirtOptions.of(TestDriver.URI),
                            Runnable::run,
                            new ManagedConnection.Owner() {}))
                    .toList(),
            timing);
    private final ExecutorService callers = Executors.newCachedThreadPool();
    private final BlockingQueue<String> late = new LinkedBlockingQueue<>();

    /** What the agents do that do not answer at once. */
    private final Map<String, Function<String, String>> agents = new ConcurrentHashMap<>();

    private final Semaphore silence = new Semaphore(0);
    /** While it is held, libvirtd takes no call. */
    private final Semaphore stall = new Semaphore(1);

    private final AtomicInteger pinged = new AtomicInteger();
    private final AtomicInteger begun = new AtomicInteger();

    @AfterEach
    void close() throws InterruptedException {
        silence.release(1000);
        pool.close();
        callers.shutdownNow();
        timing.advance(Duration.ofHours(1));
        assertThat(pool.executor().awaitTermination(5, TimeUnit.SECONDS)).isTrue();
    }

    private static DomainRef domain(String name) {
        return new DomainRef(UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)), name);
    }

    private static Errors.Operation operation(String name) {
        return new Errors.Operation("guest-agent call", domain(name));
    }

    private String call(String name, Duration timeout) {
        return pool.call(
                domain(name),
                operation(name),
                timeout,
                (c, sent) -> ping(name, sent),
                (c, sent) -> make(name, sent),
                late::add);
    }

    private Future<String> calling(String name) {
        return callers.submit(() -> call(name, LONG));
    }

    private String ping(String name, Runnable sent) {
        sent.run();
        pinged.incrementAndGet();
        if (agents.containsKey(name)) {
            // As libvirt does of an agent that is slower than that.
            timing.await(AgentPool.SILENCE);
            throw unresponsive();
        }
        return "pong";
    }

    private String make(String name, Runnable sent) {
        stall.acquireUninterruptibly();
        stall.release();
        sent.run();
        begun.incrementAndGet();
        return agents.getOrDefault(name, n -> "answer").apply(name);
    }

    private String untilTheSilenceEnds(String name) {
        silence.acquireUninterruptibly();
        return "late " + name;
    }

    private static LibvirtError unresponsive() {
        return new LibvirtError(ErrorCode.AGENT_UNRESPONSIVE, 10, "mute");
    }

    /** Calls of so many domains that fall silent at this moment. */
    private List<Future<String>> silent(int count) {
        List<Future<String>> calls = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            agents.put("silent" + i, this::untilTheSilenceEnds);
            calls.add(calling("silent" + i));
        }
        await(() -> pool.underWay() + pool.waiting() == count);
        return calls;
    }

    /** Domains that are known to be mute. */
    private void mutes(int count) {
        List<Future<?>> calls = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            agents.put("mute" + i, name -> {
                timing.await(Duration.ofSeconds(5));
                throw unresponsive();
            });
            Future<String> call = calling("mute" + i);
            calls.add(
                    callers.submit(() -> assertThatThrownBy(call::get).hasCauseInstanceOf(GuestAgentException.class)));
        }
        calls.forEach(this::passUntilDone);
        IntStream.range(0, count).forEach(i -> agents.put("mute" + i, this::untilTheSilenceEnds));
        begun.set(0);
        pinged.set(0);
    }

    private static void await(java.util.concurrent.Callable<Boolean> condition) {
        Awaitility.await().pollInterval(Duration.ofMillis(1)).until(condition);
    }

    private static <T> T get(Future<T> future) {
        try {
            return future.get(20, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private void passUntilDone(Future<?> future) {
        Awaitility.await().pollInterval(Duration.ofMillis(5)).atMost(LONG).until(() -> {
            if (!future.isDone()) {
                timing.advance(AgentPool.APART);
            }
            return future.isDone();
        });
        get(future);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 12, 15})
    void manyFallSilentAtOnce_aLiveOneIsServedWithinASecondAndAHalf(int count) {
        silent(count);
        Future<String> live = calling("live");
        await(() -> pool.underWay() + pool.waiting() == count + 1);
        for (int i = AgentPool.BURST; i <= count; i++) {
            int under = i;
            await(() -> begun.get() + pinged.get() == under);
            timing.advance(AgentPool.APART);
        }
        assertThat(get(live)).isEqualTo("answer");
        assertThat(timing.passed()).isLessThanOrEqualTo(Duration.ofMillis(1500));
    }

    @Test
    void moreThanPlaces_fallSilentAtOnce_onlyHalfAreHeldForLong() {
        silent(5 * PLACES);
        Future<String> live = calling("live");
        passUntilDone(live);
        assertThat(begun).as("those that fell silent, and the live one").hasValue(PLACES / 2 + 1);
        assertThat(pool.underWay()).isLessThan(PLACES);
    }

    @Test
    void silenceEnds_allAreAnswered_andPlacesAreFreeAsBefore() {
        List<Future<String>> calls = silent(2 * PLACES);
        passUntilDone(calling("live"));
        agents.clear();
        silence.release(2 * PLACES);
        calls.forEach(this::passUntilDone);
        await(() -> pool.underWay() == 0);
        pinged.set(0);
        for (int i = 0; i < 2 * PLACES; i++) {
            assertThat(call("silent" + i, LONG)).isEqualTo("answer");
        }
        assertThat(pinged).hasValue(0);
    }

    @Test
    void burst_fourBegin_othersWhenOneIsBackOrATenthOfASecondLater() {
        silent(6);
        await(() -> begun.get() == AgentPool.BURST);
        timing.advance(AgentPool.APART.minusMillis(1));
        assertThat(pool.underWay()).isEqualTo(AgentPool.BURST);
        timing.advance(Duration.ofMillis(1));
        await(() -> begun.get() == AgentPool.BURST + 1);
        assertThat(pool.underWay()).isEqualTo(AgentPool.BURST + 1);
        silence.release(2);
        await(() -> begun.get() == 6);
    }

    @Test
    void stalledLibvirtd_getsNoMoreThanABurst_forASecond() throws InterruptedException {
        stall.acquire();
        silent(6);
        timing.advance(AgentPool.SILENCE.minusMillis(1));
        assertThat(pool.underWay()).isEqualTo(AgentPool.BURST);
        stall.release();
        await(() -> begun.get() == AgentPool.BURST);
        timing.advance(AgentPool.APART.minusMillis(1));
        assertThat(pool.underWay()).isEqualTo(AgentPool.BURST);
        timing.advance(AgentPool.APART);
        await(() -> begun.get() == AgentPool.BURST + 1);
    }

    @Test
    void whileSomeAreSilent_liveOnesGoOneAfterTheOther_withoutDelay() {
        silent(6);
        timing.advance(AgentPool.APART);
        await(() -> begun.get() == 5);
        timing.advance(AgentPool.APART);
        await(() -> begun.get() == 6);
        timing.advance(AgentPool.APART);
        for (int i = 0; i < 50; i++) {
            assertThat(call("live" + i % 5, LONG)).isEqualTo("answer");
        }
    }

    @Test
    void knownMutes_holdHalfOfThePlaces() {
        mutes(PLACES);
        List<Future<String>> calls = new ArrayList<>();
        for (int i = 0; i < PLACES; i++) {
            calls.add(calling("mute" + i));
        }
        await(() -> pool.underWay() + pool.waiting() == PLACES);
        for (int i = AgentPool.BURST; i < PLACES / 2; i++) {
            timing.advance(AgentPool.APART);
            int under = i + 1;
            await(() -> begun.get() == under);
        }
        timing.advance(Duration.ofSeconds(10));
        assertThat(pool.underWay()).isEqualTo(PLACES / 2);
        assertThat(call("live", LONG)).isEqualTo("answer");
        assertThat(calls).noneMatch(Future::isDone);
    }

    @Test
    void knownMute_answersAgain_isMuteNoMore() {
        mutes(1);
        agents.clear();
        assertThat(call("mute0", LONG)).isEqualTo("answer");
        silent(PLACES / 2);
        timing.advance(AgentPool.SILENCE);
        passUntil(() -> pool.underWay() == PLACES / 2);
        timing.advance(AgentPool.SILENCE);
        assertThat(call("mute0", LONG)).isEqualTo("answer");
    }

    @Test
    void knownMute_getsItsTurn_thoughOthersNeverCease() {
        mutes(1);
        silent(AgentPool.BURST - 1);
        List<Future<String>> live = new ArrayList<>();
        Semaphore go = new Semaphore(0);
        for (int i = 0; i < 10; i++) {
            agents.put("live" + i, name -> {
                go.acquireUninterruptibly();
                return "answer";
            });
            live.add(calling("live" + i));
        }
        await(() -> pool.underWay() + pool.waiting() == AgentPool.BURST - 1 + 10);
        agents.put("mute0", name -> "again");
        Future<String> mute = calling("mute0");
        await(() -> pool.waiting() == 10);
        go.release(2);
        assertThat(get(mute)).isEqualTo("again");
        assertThat(live.stream().filter(Future::isDone).count()).isLessThanOrEqualTo(2);
        go.release(1000);
    }

    @Test
    void slowOnes_moreThanPlaces_areAllAnswered() {
        List<Future<String>> calls = new ArrayList<>();
        for (int i = 0; i < 2 * PLACES; i++) {
            agents.put("slow" + i, name -> {
                timing.await(Duration.ofSeconds(3));
                return "slowly";
            });
            calls.add(calling("slow" + i));
            calls.add(calling("slow" + i));
        }
        calls.forEach(this::passUntilDone);
        assertThat(calls).allSatisfy(call -> assertThat(call.get()).isEqualTo("slowly"));
        assertThat(timing.passed()).as("half of the places, three seconds each").isLessThan(Duration.ofSeconds(60));
    }

    @Test
    void callerGivesUp_placeIsHeldUntilLibvirtReturns() {
        agents.put("one", this::untilTheSilenceEnds);
        assertThatThrownBy(() -> call("one", SHORT)).isInstanceOf(OperationTimeoutException.class);
        assertThat(pool.underWay()).isEqualTo(1);
        silence.release();
        await(() -> pool.underWay() == 0);
        assertThat(late).containsExactly("late one");
    }

    @Test
    void callerGivesUp_duringThePing_theCallNeverBegins() {
        silent(PLACES / 2);
        passUntil(() -> begun.get() == PLACES / 2);
        timing.advance(AgentPool.APART);
        agents.put("one", this::untilTheSilenceEnds);
        assertThatThrownBy(() -> call("one", SHORT)).isInstanceOf(OperationTimeoutException.class);
        assertThat(pinged).hasValue(1);
        timing.advance(AgentPool.SILENCE);
        await(() -> pool.underWay() == PLACES / 2);
        assertThat(pool.waiting()).isZero();
        assertThat(begun).hasValue(PLACES / 2);
    }

    @Test
    void agentComesAnew_duringThePing_isNotMute() {
        silent(PLACES / 2);
        passUntil(() -> begun.get() == PLACES / 2);
        timing.advance(AgentPool.SILENCE);
        agents.put("one", this::untilTheSilenceEnds);
        Future<String> one = calling("one");
        await(() -> pinged.get() == 1);
        pool.forget(domain("one").uuid());
        agents.remove("one");
        timing.advance(AgentPool.SILENCE);
        assertThat(get(one)).isEqualTo("answer");
    }

    @Test
    void ping_isRefusedAtOnce_theCallSaysWhy() {
        silent(PLACES / 2);
        passUntil(() -> begun.get() == PLACES / 2);
        timing.advance(AgentPool.APART);
        assertThatThrownBy(() -> pool.call(
                        domain("none"),
                        operation("none"),
                        LONG,
                        (c, sent) -> {
                            throw new LibvirtError(ErrorCode.AGENT_UNRESPONSIVE, 10, "not connected");
                        },
                        (c, sent) -> {
                            throw new LibvirtError(ErrorCode.AGENT_UNRESPONSIVE, 10, "not connected, still");
                        },
                        late::add))
                .isInstanceOf(GuestAgentException.class)
                .hasMessageContaining("still");
    }

    private void passUntil(java.util.concurrent.Callable<Boolean> condition) {
        Awaitility.await().pollInterval(Duration.ofMillis(5)).until(() -> {
            if (condition.call()) {
                return true;
            }
            timing.advance(AgentPool.APART);
            return false;
        });
    }

    @Test
    void oneDomain_oneCallAtATime_inOrder() {
        AtomicInteger together = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        agents.put("one", name -> {
            most.accumulateAndGet(together.incrementAndGet(), Math::max);
            silence.tryAcquire();
            together.decrementAndGet();
            return "answer";
        });
        List<Future<String>> calls = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            calls.add(calling("one"));
        }
        calls.forEach(AgentPoolTest::get);
        assertThat(most).hasValue(1);
    }

    @Test
    void waiting_givenUp_neverBegins() {
        agents.put("one", this::untilTheSilenceEnds);
        Future<String> running = calling("one");
        await(() -> begun.get() == 1);
        assertThatThrownBy(() -> call("one", SHORT)).isInstanceOfSatisfying(OperationTimeoutException.class, e -> {
            assertThat(e.retryable()).isTrue();
            assertThat(e.vmName()).contains("one");
        });
        silence.release();
        get(running);
        await(() -> pool.underWay() == 0);
        assertThat(begun).hasValue(1);
    }

    @Test
    void close_failsWaitingPingedAndRunning_atOnce() {
        List<Future<String>> calls = silent(PLACES + 10);
        passUntil(() -> pinged.get() > 0);
        pool.close();
        assertThat(calls)
                .allSatisfy(call -> assertThatThrownBy(() -> call.get(20, TimeUnit.SECONDS))
                        .hasCauseInstanceOf(HypervisorUnavailableException.class));
        int once = begun.get() + pinged.get();
        silence.release(1000);
        timing.advance(Duration.ofMinutes(1));
        await(() -> pool.underWay() == 0);
        assertThat(begun.get() + pinged.get()).as("none begins after the close").isEqualTo(once);
    }
}
