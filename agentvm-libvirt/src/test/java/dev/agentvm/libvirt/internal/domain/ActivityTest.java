package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.libvirt.internal.xml.ActivityXml;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ActivityTest {
    private static final Instant NOW = Instant.parse("2026-11-24T10:15:30.125Z");
    private static final Duration HOUR = Duration.ofHours(1);

    private final List<ActivityXml> told = new ArrayList<>();
    private final Activity activity = new Activity(Clock.fixed(NOW, ZoneOffset.UTC), told::add);

    @Test
    void begin_noIdleTimeout_tellsNobody() {
        activity.begin();
        activity.tellIfDue();
        activity.tell();

        assertThat(told).isEmpty();
        assertThat(activity.isIdleForTooLong()).isFalse();
    }

    @Test
    void begin_withIdleTimeout_tellsOthersOnceForAWhile() {
        activity.limit(HOUR);

        activity.begin();
        activity.begin();
        activity.tellIfDue();

        assertThat(told).singleElement().satisfies(mark -> {
            assertThat(mark.timeout).isEqualTo(HOUR);
            assertThat(mark.used).isEqualTo(NOW);
            assertThat(mark.expires).isNull();
        });
    }

    @Test
    void tell_timeToLiveAlone_saysWhenItEnds() {
        activity.expires(NOW.plus(HOUR));

        activity.begin();
        assertThat(told).isEmpty();
        activity.tell();

        assertThat(told).singleElement().satisfies(mark -> {
            assertThat(mark.expires).isEqualTo(NOW.plus(HOUR));
            assertThat(mark.timeout).isNull();
        });
        assertThat(activity.isExpired()).isFalse();
        activity.expires(NOW);
        assertThat(activity.isExpired()).isTrue();
    }

    @Test
    void tellIfDue_nothingRuns_tellsNobody() {
        activity.limit(HOUR);

        activity.tellIfDue();

        assertThat(told).isEmpty();
    }

    @Test
    void begin_othersCannotBeTold_goesOn() {
        Activity deaf = new Activity(Clock.systemUTC(), idle -> {
            throw new AgentVMException("no libvirt", FailureContext.of("test"));
        });
        deaf.limit(HOUR);

        deaf.begin();

        assertThat(deaf.idleTime()).isZero();
    }

    @Test
    void isOthers_whatThisProgramSaid_isNot() {
        activity.limit(HOUR);
        activity.begin();

        assertThat(activity.isOthers(new IdleTime(HOUR, NOW))).isFalse();
        assertThat(activity.isOthers(new IdleTime(HOUR, NOW.plusSeconds(1)))).isTrue();
    }

    @Test
    void isIdleForTooLong_aCommandRuns_isFalse() {
        activity.limit(Duration.ofNanos(1));
        activity.begin();

        assertThat(activity.isIdleForTooLong()).isFalse();
        activity.end();
        assertThat(activity.isIdleForTooLong()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"PT1S, PT1S", "PT4S, PT1S", "PT1M, PT15S", "PT4M, PT1M", "P3650D, PT1M"})
    void pace_isAQuarterFromASecondToAMinute(Duration timeout, Duration pace) {
        assertThat(IdleTime.pace(timeout)).isEqualTo(pace);
    }

    @Test
    void left_isUntilTheTimeoutAndTwoPacesAfterTheLastUse() {
        IdleTime idle = new IdleTime(Duration.ofMinutes(1), NOW);

        assertThat(idle.left(NOW)).isEqualTo(Duration.ofSeconds(90));
        assertThat(idle.left(NOW.plusSeconds(91))).isNegative();
    }
}
