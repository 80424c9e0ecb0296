package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class VirtualTimeTest {
    private static final Instant START = Instant.parse("2030-05-01T12:00:00Z");

    private final VirtualTime time = VirtualTime.startingAt(START);
    private final List<String> events = Collections.synchronizedList(new ArrayList<>());

    private static Duration seconds(long seconds) {
        return Duration.ofSeconds(seconds);
    }

    @Test
    void now_nobodyWaits_standsStill() {
        assertThat(time.now()).isEqualTo(START).isEqualTo(time.now());
        assertThat(time.clock().instant()).isEqualTo(START);
        assertThat(time.clock().withZone(ZoneId.of("Asia/Tokyo")).getZone()).isEqualTo(ZoneId.of("Asia/Tokyo"));
    }

    @Test
    void advance_whatFallsDue_isDoneInOrderAtItsMoment() {
        time.after(seconds(3), () -> events.add("late " + Duration.between(START, time.now())));
        time.after(seconds(1), () -> {
            events.add("first " + Duration.between(START, time.now()));
            time.after(seconds(1), () -> events.add("nested " + Duration.between(START, time.now())));
        });
        time.after(seconds(1), () -> events.add("second " + Duration.between(START, time.now())));
        time.after(seconds(9), () -> events.add("never"));

        time.advance(seconds(5));

        assertThat(events).containsExactly("first PT1S", "second PT1S", "nested PT2S", "late PT3S");
        assertThat(time.now()).isEqualTo(START.plusSeconds(5));
    }

    @Test
    void negativeTimes_areRefused() {
        assertThatExceptionOfType(InvalidValueException.class).isThrownBy(() -> time.advance(seconds(-1)));
        assertThatExceptionOfType(InvalidValueException.class).isThrownBy(() -> time.after(seconds(-1), () -> {}));
    }

    @Test
    void await_nothingHappens_movesToItsTimeout() throws InterruptedException {
        assertThat(time.await(() -> false, seconds(600))).isFalse();

        assertThat(time.now()).isEqualTo(START.plusSeconds(600));
        assertThat(time.await(() -> false, Duration.ofSeconds(Long.MAX_VALUE))).isFalse();
    }

    @Test
    void await_somethingHappens_movesNoFurther() throws InterruptedException {
        AtomicBoolean done = new AtomicBoolean();
        time.after(seconds(7), () -> done.set(true));

        assertThat(time.await(done::get, seconds(600))).isTrue();

        assertThat(time.now()).isEqualTo(START.plusSeconds(7));
    }

    @Test
    void await_held_waitsForTheOneWhoMovesTime() {
        VirtualTime.Hold first = time.hold();
        VirtualTime.Hold second = time.hold();
        Call<Boolean> waiter = Call.begin(() -> time.await(() -> false, seconds(10)));
        while (!waiter.waits()) {
            Thread.onSpinWait();
        }
        second.close();
        second.close();
        time.advance(seconds(9));
        assertThat(waiter.isOver()).isFalse();

        time.advance(seconds(1));
        assertThat(waiter.value()).isFalse();
        assertThat(time.now()).isEqualTo(START.plusSeconds(10));
        first.close();
    }

    @Test
    void await_holdIsReleased_goesOn() {
        VirtualTime.Hold hold = time.hold();
        Call<Boolean> waiter = Call.begin(() -> time.await(() -> false, seconds(10)));
        while (!waiter.waits()) {
            Thread.onSpinWait();
        }

        hold.close();

        assertThat(waiter.value()).isFalse();
    }

    @Test
    void await_interruptedBefore_throwsWhateverTheTime() {
        Thread.currentThread().interrupt();

        assertThatExceptionOfType(InterruptedException.class).isThrownBy(() -> time.await(() -> false, seconds(1)));
        assertThat(time.now()).isEqualTo(START);
    }

    @Test
    void await_byManyThreads_endsInTheOrderOfTheirTimeouts() throws InterruptedException {
        VirtualTime.Hold hold = time.hold();
        List<Instant> ends = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch over = new CountDownLatch(50);
        List<Call<Boolean>> waiters = IntStream.range(0, 50)
                .mapToObj(i -> Call.begin(() -> {
                    boolean met = time.await(() -> false, seconds((i * 37L) % 50 + 1));
                    over.countDown();
                    return ends.add(time.now()) && met;
                }))
                .toList();
        while (time.waiting() < 50) {
            Thread.onSpinWait();
        }

        hold.close();
        over.await();

        assertThat(waiters).allMatch(waiter -> !waiter.value());
        assertThat(time.now()).isEqualTo(START.plusSeconds(50));
        assertThat(ends).hasSize(50);
    }

    @Test
    void after_workThatWaitsLongerThanWhoeverMovesTime_endsAll() throws InterruptedException {
        time.after(seconds(1), () -> {
            try {
                events.add("waited " + time.await(() -> false, seconds(10)));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });

        assertThat(time.await(() -> false, seconds(5))).isFalse();

        assertThat(events).containsExactly("waited false");
        assertThat(time.now()).isEqualTo(START.plusSeconds(11));
    }

    @Test
    void await_anotherCallIsUnderWay_letsItComeToItsWaitFirst() {
        time.enter();
        Call<Boolean> waiter = Call.begin(() -> time.await(() -> false, seconds(10)));
        while (!waiter.waits()) {
            Thread.onSpinWait();
        }
        assertThat(time.now()).isEqualTo(START);

        time.leave();
        assertThat(waiter.value()).isFalse();
    }

    @Test
    void after_workThatFails_failsTheOneWhoMovesTimeAndIsNotRepeated() {
        time.after(seconds(1), () -> {
            throw new IllegalStateException("work");
        });

        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> time.advance(seconds(2)));
        time.advance(seconds(2));
        assertThat(time.now()).isEqualTo(START.plusSeconds(3));
    }
}
