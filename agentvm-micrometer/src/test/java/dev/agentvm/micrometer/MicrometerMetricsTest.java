package dev.agentvm.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.GuestImage;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.ReapReport;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import dev.agentvm.network.Flow;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import dev.agentvm.testkit.Reply;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a hypervisor and a pool do, as Micrometer has it. */
class MicrometerMetricsTest {
    private static final VMTemplate TEMPLATE =
            new VMTemplate.Builder().name("job").build();

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final MicrometerMetrics metrics = new MicrometerMetrics(registry);
    private final FakeHypervisor hypervisor =
            new FakeHypervisor.Builder().metrics(metrics).build();

    @AfterEach
    void close() {
        hypervisor.close();
    }

    @Test
    void launch_succeeds_isTimedInAllAndByStep() {
        hypervisor.launch(TEMPLATE);

        assertTimed(1, Duration.ofSeconds(2), "agentvm.launch.duration", "outcome", "launched");
        for (LaunchStep step : LaunchStep.values()) {
            assertTimed(
                    1,
                    step == LaunchStep.AGENT_READY ? Duration.ofSeconds(2) : Duration.ZERO,
                    "agentvm.launch.step.duration",
                    "step",
                    step.name().toLowerCase(Locale.ROOT));
        }
    }

    @Test
    void launch_fails_isTimedAsThat() {
        assertThatExceptionOfType(AgentVMException.class)
                .isThrownBy(() -> hypervisor.launch(TEMPLATE.withImage(GuestImage.named("none"))));

        assertTimed(1, Duration.ZERO, "agentvm.launch.duration", "outcome", "failed");
    }

    @Test
    void vms_byState_areCountedWhileTheyLive() {
        FakeVM first = hypervisor.launch(TEMPLATE.withName("first"));
        FakeVM second = hypervisor.launch(TEMPLATE.withName("second"));
        first.suspend();

        assertGauge(1, "agentvm.vms", "state", "running");
        assertGauge(1, "agentvm.vms", "state", "paused");
        assertGauge(0, "agentvm.vms", "state", "starting");
        assertGauge(0, "agentvm.vms", "state", "restoring");

        first.close();
        second.powerOff();

        assertGauge(0, "agentvm.vms", "state", "running");
        assertGauge(0, "agentvm.vms", "state", "paused");
        assertCounted(1, "agentvm.vm.ends", "how", "closed");
        assertCounted(1, "agentvm.vm.ends", "how", "died");
    }

    @Test
    void vms_ofSeveralHypervisorsWithOneSink_areAddedUp() {
        FakeHypervisor other = hypervisor.anotherProgram(metrics);
        hypervisor.launch(TEMPLATE.withName("first"));
        other.launch(TEMPLATE.withName("second"));
        assertGauge(2, "agentvm.vms", "state", "running");

        other.close();

        assertGauge(1, "agentvm.vms", "state", "running");
        hypervisor.close();
        await().until(() -> registry.find("agentvm.vms").gauges().isEmpty());
    }

    @Test
    void gauge_ofSeveralSinksWithOneRegistry_isTheirSumWhileOneIsLeft() {
        MicrometerMetrics other = new MicrometerMetrics(registry);
        Series series = Metric.VMS.with("elsewhere");
        MetricsSink.Gauge three = metrics.gauge(series, () -> 3);
        MetricsSink.Gauge four = other.gauge(series, () -> 4);
        assertGauge(7, "agentvm.vms", "state", "elsewhere");

        three.close();

        assertGauge(4, "agentvm.vms", "state", "elsewhere");
        four.close();
        assertThat(registry.find("agentvm.vms").tags("state", "elsewhere").gauges())
                .isEmpty();
    }

    @Test
    void commands_haveTheirDurationAndOutcome() {
        hypervisor.whenExec("good").thenAnswer((command, vm) -> Reply.exit(0).after(Duration.ofSeconds(3)));
        hypervisor.whenExec("bad").thenAnswer((command, vm) -> Reply.exit(2).after(Duration.ofSeconds(4)));
        hypervisor.whenExec("long").thenAnswer((command, vm) -> Reply.hang());
        FakeVM vm = hypervisor.launch(TEMPLATE);

        vm.exec(Command.of("good"));
        vm.exec(Command.of("good"));
        vm.exec(Command.of("bad"));
        assertThatExceptionOfType(CommandTimeoutException.class)
                .isThrownBy(() -> vm.exec(new Command.Builder()
                        .addArgv("long")
                        .timeout(Duration.ofSeconds(10))
                        .build()));
        assertThatExceptionOfType(AgentVMException.class).isThrownBy(() -> vm.exec(Command.of("no-such-program")));

        assertTimed(2, Duration.ofSeconds(6), "agentvm.command.duration", "outcome", "success");
        assertTimed(1, Duration.ofSeconds(4), "agentvm.command.duration", "outcome", "failure");
        assertTimed(1, Duration.ofSeconds(10), "agentvm.command.duration", "outcome", "timeout");
        assertTimed(1, Duration.ZERO, "agentvm.command.duration", "outcome", "error");
    }

    @Test
    void connections_areCountedByVerdict() {
        FakeVM vm = hypervisor.launch(TEMPLATE);

        vm.connect(Flow.tcp("140.82.112.3", 443));
        vm.connect(Flow.tcp("169.254.169.254", 80));
        vm.connect(Flow.tcp("10.0.0.1", 80));

        assertCounted(1, "agentvm.connections", "direction", "from_vm", "verdict", "allowed");
        assertCounted(2, "agentvm.connections", "direction", "from_vm", "verdict", "denied");
    }

    @Test
    void anomalies_publishedByDetectors_areCountedByKind() {
        VMIdentity vm = VMIdentity.of(hypervisor.launch(TEMPLATE).id(), "job");

        hypervisor
                .events()
                .publish(new AnomalyDetected.Builder()
                        .time(hypervisor.time().now())
                        .vm(vm)
                        .kind("port-scan")
                        .severity(AnomalyDetected.Severity.ALERT)
                        .message("it scans")
                        .build());

        assertCounted(1, "agentvm.anomalies", "kind", "port-scan", "severity", "alert");
    }

    @Test
    void traffic_sampled_isWhatAllVMsMoved() {
        VMIdentity vm = VMIdentity.of(hypervisor.launch(TEMPLATE).id(), "job");

        sample(vm, 1000, 10);
        sample(vm, 5000, 30);

        assertCounted(5000, "agentvm.traffic", "direction", "sent");
        assertCounted(30, "agentvm.traffic.frames", "direction", "sent");
    }

    private void sample(VMIdentity vm, long bytes, long frames) {
        hypervisor
                .events()
                .publish(new TrafficSampled.Builder()
                        .time(hypervisor.time().now())
                        .vm(vm)
                        .interval(Duration.ofSeconds(10))
                        .sentBytes(bytes)
                        .sentPackets(frames)
                        .build());
    }

    @Test
    void resetsAndRestores_areTimedInAllAndByStep() {
        FakeVM vm = hypervisor.launch(
                TEMPLATE, new LaunchOptions.Builder().resettable(true).build());
        vm.snapshot("base");

        vm.restore("base");
        vm.reset();
        vm.reset();

        Timer reset = timer(2, "agentvm.restore.duration", "kind", "reset");
        Timer ready = timer(2, "agentvm.restore.step.duration", "kind", "reset", "step", "agent_ready");
        assertThat(total(reset)).isPositive().isEqualTo(total(ready));
        assertThat(total(timer(1, "agentvm.restore.duration", "kind", "restore")))
                .isPositive();
    }

    @Test
    void pool_leasesAndWaits_areMeasuredUnderItsName() {
        try (VMPool pool = new VMPool.Builder(hypervisor, TEMPLATE)
                .min(0)
                .max(1)
                .time(hypervisor.time())
                .metrics(metrics)
                .open()) {
            VMLease lease = pool.acquire(Duration.ofMinutes(1));

            assertTimed(1, Duration.ofSeconds(2), "agentvm.pool.wait", "pool", "job", "outcome", "leased");
            assertGauge(1, "agentvm.pool.vms", "pool", "job", "state", "leased");
            assertGauge(0, "agentvm.pool.vms", "pool", "job", "state", "idle");
            assertGauge(0, "agentvm.pool.waiting", "pool", "job");

            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> pool.acquire(Duration.ofSeconds(5)));

            assertTimed(1, Duration.ofSeconds(5), "agentvm.pool.wait", "pool", "job", "outcome", "timeout");
            lease.close();
        }
        await().until(() -> registry.find("agentvm.pool.vms").gauges().isEmpty());
    }

    @Test
    void reaper_whatAProgramLeftThatDied_isCounted() {
        FakeHypervisor other = hypervisor.anotherProgram();
        other.launch(TEMPLATE);
        other.kill();

        ReapReport dry = hypervisor.reap(true);
        ReapReport report = hypervisor.reap();

        assertThat(report.removed()).isNotEmpty().isEqualTo(dry.removed());
        assertCounted(report.removed().size(), "agentvm.reaper.findings", "outcome", "removed");
    }

    @ParameterizedTest
    @EnumSource
    void meter_ofEachMetric_hasItsDescriptionAndUnit(Metric metric) {
        String[] tags = metric.tags().stream().map(tag -> "x").toArray(String[]::new);
        switch (metric.kind()) {
            case COUNTER -> metrics.count(metric.with(tags), 1);
            case TIMER -> metrics.time(metric.with(tags), Duration.ofSeconds(1));
            case GAUGE -> metrics.gauge(metric.with(tags), () -> 1);
        }

        Meter.Id id = registry.get(metric.metricName()).meter().getId();
        assertThat(id.getDescription()).isEqualTo(metric.description());
        assertThat(id.getTags()).extracting(tag -> tag.getKey()).containsExactlyInAnyOrderElementsOf(metric.tags());
        if (metric.kind() == Metric.Kind.TIMER) {
            assertThat(id.getBaseUnit()).isEqualTo("seconds");
        } else {
            assertThat(id.getBaseUnit()).isEqualTo(metric.unit().isEmpty() ? null : metric.unit());
        }
    }

    @Test
    void guide_table_hasEachMetric() throws IOException {
        String guide = Files.readString(Path.of("../docs/metrics.md"));

        assertThat(guide.lines().filter(line -> line.startsWith("| `agentvm.")))
                .containsExactlyElementsOf(Arrays.stream(Metric.values())
                        .map(MicrometerMetricsTest::row)
                        .toList());
    }

    private static String row(Metric metric) {
        String unit = metric.kind() == Metric.Kind.TIMER ? "seconds" : metric.unit();
        return "| `" + metric.metricName() + "` | "
                + metric.kind().name().toLowerCase(Locale.ROOT) + " | " + unit + " | "
                + String.join(
                        ", ", metric.tags().stream().map(tag -> "`" + tag + "`").toList())
                + " | " + metric.description() + " |";
    }

    private void assertCounted(long expected, String name, String... tags) {
        await().until(() -> registry.find(name).tags(tags).counter() != null);
        Counter counter = registry.get(name).tags(tags).counter();
        await().untilAsserted(() -> assertThat(counter.count()).isEqualTo((double) expected));
    }

    private void assertGauge(long expected, String name, String... tags) {
        await().untilAsserted(() ->
                assertThat(registry.get(name).tags(tags).gauge().value()).isEqualTo((double) expected));
    }

    private void assertTimed(long count, Duration total, String name, String... tags) {
        assertThat(total(timer(count, name, tags))).isCloseTo((double) total.toMillis(), within(1.0));
    }

    private Timer timer(long count, String name, String... tags) {
        await().until(() -> registry.find(name).tags(tags).timer() != null);
        Timer timer = registry.get(name).tags(tags).timer();
        await().untilAsserted(() -> assertThat(timer.count()).isEqualTo(count));
        return timer;
    }

    private static double total(Timer timer) {
        return timer.totalTime(TimeUnit.MILLISECONDS);
    }
}
