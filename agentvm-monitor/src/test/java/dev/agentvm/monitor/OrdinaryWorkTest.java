package dev.agentvm.monitor;

import static dev.agentvm.monitor.Story.answer;
import static dev.agentvm.monitor.Story.attempt;
import static dev.agentvm.monitor.Story.host;
import static dev.agentvm.monitor.Story.sample;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What coding agents do all day raises no alert. */
class OrdinaryWorkTest {
    private static final long MIB = 1024 * 1024;

    private final List<VMEvent> events = new ArrayList<>();

    /** A guest that boots asks for the time, for neighbours and for IPv6, and gets none of it. */
    @BeforeEach
    void boot() {
        for (int i = 0; i < 8; i++) {
            events.add(answer(i, i % 4 + ".debian.pool.ntp.org"));
            events.add(attempt(i + 0.1, Flow.udp(host(900 + i % 4), 123), i % 4 + ".debian.pool.ntp.org"));
            events.add(attempt(i + 0.2, Flow.udp("224.0.0.251", 5353)));
            events.add(attempt(i + 0.3, Flow.udp("224.0.0.252", 5355)));
            events.add(attempt(
                    i + 0.4,
                    new Flow.Builder()
                            .direction(Flow.Direction.FROM_VM)
                            .etherType(0x86dd)
                            .build()));
        }
        events.add(attempt(9, Flow.tcp("169.254.169.254", 80)));
    }

    private void connections(double start, int count, double every, String name, int hosts, int port) {
        for (int i = 0; i < count; i++) {
            double time = start + i * every;
            events.add(attempt(time, Flow.udp("192.168.101.1", 53)));
            events.add(answer(time + every / 4, name));
            events.add(answer(time + every / 3, name + ".lan", NameResolved.NX_DOMAIN));
            events.add(attempt(time + every / 2, Flow.tcp(host((name.hashCode() & 0xfff0) | (i % hosts)), port), name));
        }
    }

    private void use(double start, int seconds, double cpuShare, long up, long down, long written) {
        for (int i = 0; i <= seconds; i++) {
            events.add(sample(start + i)
                    .vcpus(2)
                    .cpuTime(Duration.ofMillis((long) (i * 2000 * cpuShare)))
                    .memoryBytes(2048 * MIB)
                    .sentBytes(i * up)
                    .receivedBytes(i * down)
                    .diskReadBytes(0)
                    .diskWrittenBytes(i * written)
                    .build());
        }
    }

    private Stream<AnomalyDetected> anomalies() {
        List<AnomalyDetected> anomalies = new ArrayList<>();
        AnomalyMonitor monitor = new AnomalyMonitor(Thresholds.standard(), anomalies::add);
        events.stream().sorted(Comparator.comparing(VMEvent::time)).forEach(monitor::onEvent);
        return anomalies.stream();
    }

    private void raisesNoAlert() {
        assertThat(anomalies().filter(anomaly -> anomaly.severity() == Severity.ALERT))
                .isEmpty();
    }

    @Test
    void gitClone_raisesNothing() {
        connections(20, 3, 1, "github.com", 1, 443);
        use(20, 60, 0.3, 100_000, 10 * MIB, 10 * MIB);

        assertThat(anomalies()).isEmpty();
    }

    @Test
    void packageInstalls_ofHundredsOfShortConnectionsToFewHosts_raiseNoAlert() {
        connections(20, 300, 0.05, "deb.debian.org", 4, 80);
        connections(60, 800, 0.05, "registry.npmjs.org", 12, 443);
        connections(120, 200, 0.1, "pypi.org", 4, 443);
        connections(120, 200, 0.1, "files.pythonhosted.org", 4, 443);
        use(20, 150, 0.7, 500_000, 10 * MIB, 12 * MIB);

        raisesNoAlert();
        assertThat(anomalies()).extracting(AnomalyDetected::kind).contains(AnomalyKinds.CONNECTION_RATE);
    }

    @Test
    void longBuild_withAllProcessorsBusy_raisesNoAlert() {
        use(20, 3600, 1.0, 1000, 1000, 30 * MIB);

        raisesNoAlert();
        assertThat(anomalies()).extracting(AnomalyDetected::kind).contains(AnomalyKinds.SUSTAINED_CPU);
    }

    @Test
    void uploadOfARelease_raisesNoAlert() {
        connections(20, 5, 1, "uploads.github.com", 2, 443);
        use(20, 120, 0.2, 20 * MIB, 100_000, 0);

        raisesNoAlert();
        assertThat(anomalies())
                .extracting(AnomalyDetected::kind)
                .contains(AnomalyKinds.UPLOAD_VOLUME, AnomalyKinds.UPLOAD_RATIO);
    }

    @Test
    void waitingForABuildService_raisesNoAlert() {
        connections(20, 200, 10, "api.github.com", 1, 443);

        raisesNoAlert();
    }

    @Test
    void waitingForADatabaseThatIsClosed_raisesNoAlert() {
        for (int i = 0; i < 600; i++) {
            events.add(attempt(20 + i, Flow.tcp("10.20.0.7", 5432)));
        }

        raisesNoAlert();
    }

    @Test
    void readingTheWeb_raisesNoAlert() {
        for (int i = 0; i < 400; i++) {
            events.add(answer(20 + i * 0.5, "www.site" + i + ".example"));
            events.add(attempt(20.1 + i * 0.5, Flow.tcp(host(i), 443), "www.site" + i + ".example"));
            events.add(answer(20.2 + i * 0.5, "d3p8zr0ffa9t17abcdefghijklmnopq" + i % 10 + ".cloudfront.net"));
        }

        raisesNoAlert();
    }

    /** A browser that shows a page every three seconds, each with thirty names of others, two of which look like data. */
    @Test
    void readingTheWeb_ofPagesThatLoadFromManyOthers_raisesNoAlert() {
        for (int i = 0; i < 200; i++) {
            double time = 20 + i * 3;
            for (int other = 0; other < 28; other++) {
                events.add(answer(time + other * 0.1, "static" + i + ".other" + other + ".example"));
            }
            for (int cdn = 0; cdn < 2; cdn++) {
                events.add(answer(
                        time + cdn, "d3p8zr0ffa9t17abcdefghijklmnopq" + i + ".cdn" + (2 * i + cdn) % 40 + ".example"));
            }
        }

        raisesNoAlert();
    }
}
