package dev.agentvm.spi;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMRestored;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.Series;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class EventMeterTest {
    private static final VMIdentity VM = VMIdentity.of(new UUID(0, 1), "vm");
    private static final VMIdentity OTHER = VMIdentity.of(new UUID(0, 2), "other");

    private final Measured measured = new Measured();
    private final EventMeter meter = new EventMeter(measured);
    private Instant now = Instant.EPOCH;

    @Test
    void launch_succeeds_isTimedInAllAndByStep() {
        launchStarted();
        now = now.plusSeconds(5);
        meter.onEvent(new VMLaunched.Builder()
                .time(now)
                .vm(VM)
                .putStep(LaunchStep.DISK_MADE, Duration.ofSeconds(1))
                .putStep(LaunchStep.AGENT_READY, Duration.ofSeconds(4))
                .build());

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.LAUNCH_DURATION.with("launched"), Duration.ofSeconds(5)),
                        entry(Metric.LAUNCH_STEP_DURATION.with("disk_made"), Duration.ofSeconds(1)),
                        entry(Metric.LAUNCH_STEP_DURATION.with("agent_ready"), Duration.ofSeconds(3)));
    }

    @Test
    void launch_fails_isTimedWithTheStepsThatWereDone() {
        launchStarted();
        now = now.plusSeconds(2);
        meter.onEvent(new LaunchFailed.Builder()
                .time(now)
                .vm(VM)
                .reason("no image")
                .putStep(LaunchStep.HOST_CHECKED, Duration.ofSeconds(1))
                .build());

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.LAUNCH_DURATION.with("failed"), Duration.ofSeconds(2)),
                        entry(Metric.LAUNCH_STEP_DURATION.with("host_checked"), Duration.ofSeconds(1)));
    }

    @Test
    void launch_clockSetBack_isNotNegative() {
        launchStarted();
        now = now.minusSeconds(60);
        meter.onEvent(new VMLaunched.Builder().time(now).vm(VM).build());

        assertThat(measured.all).containsExactly(entry(Metric.LAUNCH_DURATION.with("launched"), Duration.ZERO));
    }

    @Test
    void restores_oneOfEachKind_areTimedInAllAndByStep() {
        meter.onEvent(restored(Optional.empty(), LaunchStep.RESUMED));
        meter.onEvent(restored(Optional.of("base"), LaunchStep.RESUMED));

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.RESTORE_DURATION.with("reset"), Duration.ofSeconds(3)),
                        entry(Metric.RESTORE_STEP_DURATION.with("reset", "resumed"), Duration.ofSeconds(1)),
                        entry(Metric.RESTORE_DURATION.with("restore"), Duration.ofSeconds(3)),
                        entry(Metric.RESTORE_STEP_DURATION.with("restore", "resumed"), Duration.ofSeconds(1)));
    }

    @Test
    void ends_closedAndDied_areCounted() {
        meter.onEvent(new VMClosed.Builder().time(now).vm(VM).reason("closed").build());
        meter.onEvent(new VMDied.Builder().time(now).vm(OTHER).reason("crashed").build());

        assertThat(measured.all)
                .containsExactly(entry(Metric.VM_ENDS.with("closed"), 1L), entry(Metric.VM_ENDS.with("died"), 1L));
    }

    @Test
    void commands_eachOutcome_isATagOfItsOwn() {
        meter.onEvent(command(command -> command.exitCode(0)));
        meter.onEvent(command(command -> command.exitCode(3)));
        meter.onEvent(command(command -> command.signal(9)));
        meter.onEvent(command(command -> command.failure("too long").timedOut(true)));
        meter.onEvent(command(command -> command.failure("no such program")));

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.COMMAND_DURATION.with("success"), Duration.ofSeconds(1)),
                        entry(Metric.COMMAND_DURATION.with("failure"), Duration.ofSeconds(1)),
                        entry(Metric.COMMAND_DURATION.with("signal"), Duration.ofSeconds(1)),
                        entry(Metric.COMMAND_DURATION.with("timeout"), Duration.ofSeconds(1)),
                        entry(Metric.COMMAND_DURATION.with("error"), Duration.ofSeconds(1)));
    }

    @Test
    void connections_haveDirectionAndVerdict() {
        attempt(Flow.tcp("140.82.112.3", 443));
        attempt(Flow.tcp("169.254.169.254", 80));

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.CONNECTIONS.with("from_vm", "allowed"), 1L),
                        entry(Metric.CONNECTIONS.with("from_vm", "denied"), 1L));
    }

    @Test
    void traffic_samplesThatCountFromTheLaunch_addUpToWhatWasMoved() {
        sample(VM, 100, 10);
        sample(OTHER, 1000, 0);
        sample(VM, 150, 10);
        sample(VM, 150, 30);

        assertThat(sum(Metric.TRAFFIC_BYTES.with("sent"))).isEqualTo(1150);
        assertThat(sum(Metric.TRAFFIC_BYTES.with("received"))).isEqualTo(30);
        assertThat(measured.all).noneMatch(entry -> entry.getValue().equals(0L));
    }

    @Test
    void traffic_afterARestore_countsAnew() {
        sample(VM, 100, 0);
        meter.onEvent(restored(Optional.empty(), LaunchStep.RESUMED));
        sample(VM, 120, 0);

        assertThat(sum(Metric.TRAFFIC_BYTES.with("sent"))).isEqualTo(220);
    }

    @Test
    void traffic_sampleThatComesAfterTheEnd_isNotCountedAgain() {
        sample(VM, 1000, 0);
        meter.onEvent(new VMClosed.Builder().time(now).vm(VM).reason("closed").build());
        sample(VM, 1000, 0);
        sample(OTHER, 500, 0);
        meter.onEvent(new VMDied.Builder().time(now).vm(OTHER).reason("crashed").build());
        sample(OTHER, 500, 0);

        assertThat(sum(Metric.TRAFFIC_BYTES.with("sent"))).isEqualTo(1500);
    }

    @Test
    void traffic_notCountedByTheHypervisor_isNoZero() {
        meter.onEvent(new TrafficSampled.Builder()
                .time(now)
                .vm(VM)
                .interval(Duration.ofSeconds(10))
                .build());

        assertThat(measured.all).isEmpty();
    }

    @Test
    void anomaliesAndLosses_areCountedByWhatTheyAre() {
        meter.onEvent(new AnomalyDetected.Builder()
                .time(now)
                .vm(VM)
                .kind("port-scan")
                .severity(AnomalyDetected.Severity.ALERT)
                .message("it scans")
                .build());
        meter.onEvent(new EventsLost.Builder()
                .time(now)
                .vm(VM)
                .cause(EventsLost.Cause.CAPTURE)
                .count(7)
                .since(now)
                .build());

        assertThat(measured.all)
                .containsExactly(
                        entry(Metric.ANOMALIES.with("port-scan", "alert"), 1L), entry(Metric.LOST.with("capture"), 7L));
    }

    private void launchStarted() {
        meter.onEvent(new LaunchStarted.Builder().time(now).vm(VM).build());
    }

    private VMEvent restored(Optional<String> snapshot, LaunchStep step) {
        return new VMRestored.Builder()
                .time(now)
                .vm(VM)
                .snapshot(snapshot)
                .duration(Duration.ofSeconds(3))
                .putStep(step, Duration.ofSeconds(1))
                .build();
    }

    private VMEvent command(UnaryOperator<CommandEnded.Builder> outcome) {
        CommandEnded.Builder command =
                new CommandEnded.Builder().time(now).vm(VM).addArgv("make").duration(Duration.ofSeconds(1));
        return outcome.apply(command).build();
    }

    private void attempt(Flow flow) {
        meter.onEvent(ConnectionAttempted.of(
                now, VM, flow, NetworkPolicy.agentDefault().evaluate(flow), Optional.empty()));
    }

    private void sample(VMIdentity vm, long sent, long received) {
        meter.onEvent(new TrafficSampled.Builder()
                .time(now)
                .vm(vm)
                .interval(Duration.ofSeconds(10))
                .sentBytes(sent)
                .receivedBytes(received)
                .build());
    }

    private long sum(Series series) {
        return measured.all.stream()
                .filter(entry -> entry.getKey().equals(series))
                .mapToLong(entry -> (Long) entry.getValue())
                .sum();
    }
}
