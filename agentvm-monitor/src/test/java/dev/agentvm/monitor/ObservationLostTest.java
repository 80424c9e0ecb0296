package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.at;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ObservationLostTest {
    private static VMEvent lost(double seconds) {
        return new EventsLost.Builder()
                .time(at(seconds))
                .vm(Story.VM)
                .cause(EventsLost.Cause.CAPTURE)
                .count(300)
                .since(at(seconds))
                .build();
    }

    private static List<Finding> inspect(List<VMEvent> events) {
        return Story.inspect(new ObservationLost(Thresholds.standard()), events);
    }

    @Test
    void loss_once_isANotice() {
        assertThat(inspect(List.of(lost(1)))).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(AnomalyKinds.OBSERVATION_LOST);
            assertThat(finding.severity()).isEqualTo(Severity.NOTICE);
            assertThat(finding.message()).contains("300", "capture");
        });
    }

    @Test
    void loss_againAndAgain_isAnAlertThatShowsIt() {
        List<Finding> findings =
                inspect(IntStream.range(0, 5).mapToObj(i -> lost(i * 15)).toList());

        assertThat(findings.subList(0, 4)).extracting(Finding::severity).containsOnly(Severity.NOTICE);
        assertThat(findings.get(4).severity()).isEqualTo(Severity.ALERT);
        assertThat(findings.get(4).evidence()).hasSize(5);
    }

    @Test
    void loss_onceMoreThanIsAnAlert_isANoticeAgain() {
        assertThat(inspect(IntStream.range(0, 6).mapToObj(i -> lost(i * 15)).toList()))
                .extracting(Finding::severity)
                .endsWith(Severity.ALERT, Severity.NOTICE);
    }

    @Test
    void loss_nowAndThen_isNoAlert() {
        assertThat(inspect(
                        IntStream.range(0, 50).mapToObj(i -> lost(i * 15.001)).toList()))
                .extracting(Finding::severity)
                .containsOnly(Severity.NOTICE);
    }

    @Test
    void observationLimited_isANoticeThatSaysWhy() {
        VMEvent limited = new ObservationLimited.Builder()
                .time(at(1))
                .vm(Story.VM)
                .reason("its tap cannot be read")
                .build();

        assertThat(inspect(List.of(limited)))
                .singleElement()
                .satisfies(finding -> assertThat(finding.message()).contains("its tap cannot be read"));
    }
}
