package dev.agentvm.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
class EventDispatcherTest {
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final VMIdentity ONE = VMIdentity.of(new UUID(0, 1), "one");
    private static final VMIdentity OTHER = VMIdentity.of(new UUID(0, 2), "other");

    private final EventDispatcher events = new EventDispatcher();

    @AfterEach
    void close() {
        events.close();
    }

    private static VMEvent event(VMIdentity vm, int second) {
        return new VMClosed.Builder()
                .time(Instant.EPOCH.plusSeconds(second))
                .vm(vm)
                .reason("done")
                .build();
    }

    /** Is held up by its first event until it may go on. */
    private static final class Slow implements VMEventListener {
        final List<VMEvent> heard = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch called = new CountDownLatch(1);
        final Semaphore turns = new Semaphore(0);

        @Override
        public void onEvent(VMEvent event) {
            called.countDown();
            turns.acquireUninterruptibly();
            heard.add(event);
        }

        void goOn() {
            turns.release(1_000_000);
        }
    }

    @Test
    void publish_several_reachEachListenerInTheirOrder() {
        List<VMEvent> first = Collections.synchronizedList(new ArrayList<>());
        List<VMEvent> second = Collections.synchronizedList(new ArrayList<>());
        Registration one = events.listen(first::add);
        Registration two = events.listen(second::add);
        List<VMEvent> all = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            all.add(event(ONE, i));
        }

        all.forEach(events::publish);

        assertThat(one.awaitDelivery(LONG)).isTrue();
        assertThat(two.awaitDelivery(LONG)).isTrue();
        assertThat(first).isEqualTo(all);
        assertThat(second).isEqualTo(all);
        assertThat(one.delivered()).isEqualTo(1000);
        assertThat(one.lost()).isZero();
    }

    @Test
    void publish_listenerPublishesAnAnswer_othersHearItAfterItsCause() {
        List<VMEvent> heard = Collections.synchronizedList(new ArrayList<>());
        Registration answers = events.listen(event -> {
            if (event.vm().equals(ONE)) {
                events.publish(event(OTHER, (int) event.time().getEpochSecond()));
            }
        });
        // The more queues there are, the longer it takes to put an event into all.
        List<Registration> others =
                IntStream.range(0, 50).mapToObj(i -> events.listen(event -> {})).toList();
        Registration last = events.listen(heard::add);

        for (int i = 0; i < 1000; i++) {
            events.publish(event(ONE, i));
            assertThat(answers.awaitDelivery(LONG)).isTrue();
        }

        assertThat(last.awaitDelivery(LONG)).isTrue();
        assertThat(others).allMatch(other -> other.awaitDelivery(LONG));
        List<VMEvent> expected = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            expected.add(event(ONE, i));
            expected.add(event(OTHER, i));
        }
        assertThat(heard)
                .extracting(VMEvent::vm, VMEvent::time)
                .isEqualTo(expected.stream()
                        .map(event -> tuple(event.vm(), event.time()))
                        .toList());
    }

    @Test
    void publish_queueFull_losesTheNewestAndSaysSoInTheirPlace() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow, 2);
        List<VMEvent> all = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            all.add(event(i == 5 ? OTHER : ONE, i));
        }
        events.publish(all.get(0));
        slow.called.await();

        // One is being handled and two wait, so these are lost: 3, 4 and 6 of one VM, 5 of the other.
        all.subList(1, 7).forEach(events::publish);
        assertThat(registration.waiting()).isEqualTo(2);
        assertThat(registration.lost()).isEqualTo(4);
        slow.turns.release(3);
        VMEvent later = event(ONE, 9);
        awaitHeard(slow, 3);
        events.publish(later);
        slow.goOn();
        assertThat(registration.awaitDelivery(LONG)).isTrue();

        assertThat(slow.heard.subList(0, 3)).isEqualTo(all.subList(0, 3));
        assertThat(slow.heard.subList(3, 5))
                .allSatisfy(event -> assertThat(event)
                        .isInstanceOfSatisfying(
                                EventsLost.class,
                                lost -> assertThat(lost.cause()).isEqualTo(EventsLost.Cause.LISTENER)));
        EventsLost ofOne = (EventsLost) slow.heard.get(3);
        assertThat(ofOne.vm()).isEqualTo(ONE);
        assertThat(ofOne.count()).isEqualTo(3);
        assertThat(ofOne.since()).isEqualTo(all.get(3).time());
        assertThat(ofOne.time()).isEqualTo(all.get(6).time());
        assertThat(((EventsLost) slow.heard.get(4)).count()).isEqualTo(1);
        assertThat(slow.heard.subList(5, slow.heard.size())).containsExactly(later);
    }

    private static void awaitHeard(Slow slow, int count) throws InterruptedException {
        while (slow.heard.size() < count) {
            Thread.sleep(1);
        }
    }

    @Test
    void publish_afterALossNothingMoreHappens_theLossIsToldAllTheSame() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow, 1);
        events.publish(event(ONE, 0));
        slow.called.await();
        events.publish(event(ONE, 1));
        events.publish(event(ONE, 2));

        slow.goOn();

        awaitHeard(slow, 3);
        assertThat(slow.heard.get(2)).isInstanceOf(EventsLost.class);
        assertThat(registration.lost()).isEqualTo(1);
    }

    @Test
    void publish_listenerStuck_neitherBlocksNorGrows() throws InterruptedException {
        Slow stuck = new Slow();
        Registration registration = events.listen(stuck, 10);
        events.publish(event(ONE, 0));
        stuck.called.await();

        for (int i = 1; i <= 100_000; i++) {
            events.publish(event(i % 2 == 0 ? ONE : OTHER, i));
        }

        assertThat(registration.waiting()).isEqualTo(10);
        assertThat(registration.lost()).isEqualTo(99_990);
        assertThat(registration.awaitDelivery(Duration.ofMillis(1))).isFalse();
        stuck.goOn();
    }

    @Test
    void publish_manyThreadsAtOnce_everyEventIsDeliveredOrCounted() throws InterruptedException {
        List<VMEvent> heard = new ArrayList<>();
        Registration registration = events.listen(heard::add, 16);
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(new Thread(() -> {
                for (int i = 0; i < 10_000; i++) {
                    events.publish(event(ONE, i));
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }

        assertThat(registration.awaitDelivery(LONG)).isTrue();
        long told = heard.stream()
                .filter(EventsLost.class::isInstance)
                .mapToLong(event -> ((EventsLost) event).count())
                .sum();
        long events = heard.stream().filter(VMClosed.class::isInstance).count();
        assertThat(events + told).isEqualTo(40_000);
        assertThat(told).isEqualTo(registration.lost());
        assertThat(registration.delivered()).isEqualTo(heard.size());
    }

    @Test
    void onEvent_throws_theNextEventComesAllTheSame() {
        List<VMEvent> heard = Collections.synchronizedList(new ArrayList<>());
        Registration registration = events.listen(event -> {
            heard.add(event);
            Thread.currentThread().interrupt();
            if (heard.size() == 1) {
                throw new IllegalStateException("the listener's own fault");
            }
            if (heard.size() == 2) {
                throw new AssertionError("so is this");
            }
        });

        for (int i = 0; i < 3; i++) {
            events.publish(event(ONE, i));
        }

        assertThat(registration.awaitDelivery(LONG)).isTrue();
        assertThat(heard).hasSize(3);
    }

    @Test
    void closeRegistration_whatWaits_isDropped() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow);
        events.publish(event(ONE, 0));
        slow.called.await();
        events.publish(event(ONE, 1));

        registration.close();
        registration.close();
        events.publish(event(ONE, 2));
        slow.goOn();

        assertThat(registration.waiting()).isZero();
        assertThat(registration.awaitDelivery(LONG)).isFalse();
        awaitHeard(slow, 1);
        assertThat(slow.heard).hasSize(1);
    }

    @Test
    void close_whatWaits_isStillDelivered() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow);
        for (int i = 0; i < 5; i++) {
            events.publish(event(ONE, i));
        }
        slow.called.await();

        events.close();
        events.publish(event(ONE, 6));
        slow.goOn();

        assertThat(registration.awaitDelivery(LONG)).isTrue();
        assertThat(slow.heard).hasSize(5);
        assertThatThrownBy(() -> events.listen(event -> {})).isInstanceOf(HypervisorUnavailableException.class);
    }

    @Test
    void publish_floodOfAttempts_leavesRoomForTheRest() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow, 16);
        events.publish(event(ONE, 0));
        slow.called.await();
        for (int i = 0; i < 1000; i++) {
            events.publish(attempt(ONE, i));
        }
        assertThat(registration.waiting()).isEqualTo(12);

        VMEvent rare = event(OTHER, 1001);
        events.publish(rare);
        slow.goOn();

        assertThat(registration.awaitDelivery(LONG)).isTrue();
        assertThat(slow.heard.subList(13, 15))
                .satisfiesExactly(
                        lost -> assertThat(((EventsLost) lost).count()).isEqualTo(988),
                        event -> assertThat(event).isEqualTo(rare));
    }

    private static VMEvent attempt(VMIdentity vm, int second) {
        Flow flow = Flow.tcp("140.82.112.3", 8080);
        return ConnectionAttempted.of(
                Instant.EPOCH.plusSeconds(second),
                vm,
                flow,
                NetworkPolicy.agentDefault().evaluate(flow),
                Optional.empty());
    }

    @Test
    void publish_lossThatFindsTheQueueFull_isToldLaterWithItsCount() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow, 1);
        events.publish(event(ONE, 0));
        slow.called.await();
        events.publish(event(ONE, 1));

        events.publish(unread(ONE, 300, 2));
        events.publish(unread(ONE, 70, 3));
        slow.goOn();

        awaitHeard(slow, 3);
        assertThat(slow.heard.get(2)).isInstanceOfSatisfying(EventsLost.class, lost -> {
            assertThat(lost.cause()).isEqualTo(EventsLost.Cause.CAPTURE);
            assertThat(lost.count()).isEqualTo(370);
            assertThat(lost.since()).isEqualTo(Instant.EPOCH.plusSeconds(2));
        });
        assertThat(registration.lost()).isZero();
    }

    private static VMEvent unread(VMIdentity vm, long frames, int second) {
        return new EventsLost.Builder()
                .time(Instant.EPOCH.plusSeconds(second))
                .vm(vm)
                .cause(EventsLost.Cause.CAPTURE)
                .count(frames)
                .since(Instant.EPOCH.plusSeconds(second))
                .build();
    }

    @Test
    void closeRegistration_listenerBusy_canBeWaitedFor() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow);
        events.publish(event(ONE, 0));
        slow.called.await();

        assertThat(registration.close(Duration.ofMillis(1))).isFalse();
        assertThat(slow.heard).isEmpty();
        slow.goOn();

        assertThat(registration.close(LONG)).isTrue();
        assertThat(slow.heard).hasSize(1);
    }

    @Test
    void close_withTimeout_waitsForTheListenersButNotForTheCaller() throws InterruptedException {
        Slow slow = new Slow();
        events.listen(slow);
        events.publish(event(ONE, 0));
        slow.called.await();
        assertThat(events.close(Duration.ofMillis(1))).isFalse();
        slow.goOn();
        assertThat(events.close(LONG)).isTrue();
        assertThat(slow.heard).hasSize(1);

        EventDispatcher others = new EventDispatcher();
        BlockingQueue<Boolean> closed = new LinkedBlockingQueue<>();
        others.listen(event -> closed.add(others.close(LONG)));
        others.publish(event(ONE, 1));
        assertThat(closed.take()).as("by the listener itself").isFalse();
    }

    @Test
    void waits_longerThanNanosecondsTell_areOverWhenAllIsDone() throws InterruptedException {
        Duration ages = ChronoUnit.FOREVER.getDuration();
        Slow slow = new Slow();
        Registration registration = events.listen(slow);
        Registration other = events.listen(event -> {});
        events.publish(event(ONE, 0));
        slow.called.await();
        Thread later = new Thread(slow::goOn);
        later.start();

        assertThat(registration.awaitDelivery(ages)).isTrue();
        assertThat(other.close(ages)).isTrue();
        assertThat(events.close(ages)).isTrue();
        assertThat(events.close(ages.negated())).isTrue();
        later.join();
    }

    @Test
    void listen_later_hearsOnlyWhatComesThen() {
        List<VMEvent> heard = Collections.synchronizedList(new ArrayList<>());
        events.publish(event(ONE, 0));
        Registration registration = events.listen(heard::add);
        events.publish(event(ONE, 1));

        assertThat(registration.awaitDelivery(LONG)).isTrue();
        assertThat(heard).hasSize(1);
    }

    @Test
    void listen_capacityOutOfRange_isRefused() {
        for (int capacity : new int[] {0, -1, 1_048_577}) {
            assertThatThrownBy(() -> events.listen(event -> {}, capacity)).isInstanceOf(InvalidValueException.class);
        }
    }

    @Test
    void awaitDelivery_interrupted_saysSoAndKeepsTheInterrupt() throws InterruptedException {
        Slow slow = new Slow();
        Registration registration = events.listen(slow);
        events.publish(event(ONE, 0));
        slow.called.await();

        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> registration.awaitDelivery(LONG)).isInstanceOf(AgentVMException.class);
        assertThat(Thread.interrupted()).isTrue();
        slow.goOn();
    }
}
