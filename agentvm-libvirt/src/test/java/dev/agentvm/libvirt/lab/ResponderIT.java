package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.monitor.Responder;
import dev.agentvm.monitor.Response;
import dev.agentvm.monitor.audit.AuditLog;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a host program lets be done about anomalies is done to a real guest, and written down. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ResponderIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final int PORT = 5432;
    private static final NetworkPolicy TALKING = NetworkPolicy.agentDefault().toBuilder()
            .addRule(FilterRule.allow().tcp(PORT).because("a connection that is cut"))
            .build();
    /** What was under way has arrived by then. */
    private static final Duration UNDER_WAY = Duration.ofSeconds(1);

    private static final Duration SILENCE = Duration.ofSeconds(2);

    @TempDir
    Path directory = Path.of("");

    private final BlockingQueue<ResponseTaken> taken = new LinkedBlockingQueue<>();
    private final List<UUID> anomalies = new ArrayList<>();

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void responses_toARealGuest_holdItCutItsNetworkAndEndItAndAreAudited() throws Exception {
        try (AuditLog audit = new AuditLog.Builder(directory).open();
                Hypervisor hypervisor =
                        new LibvirtHypervisor.Builder().addListener(audit).connect();
                Responder responder = new Responder.Builder(hypervisor, hypervisor.events())
                        .onKind("hold", Response.pause())
                        .onKind("cut", Response.cutNetwork())
                        .onKind("end", Response.destroy())
                        .open()) {
            assertThat(responder).isNotNull();
            hypervisor.events().listen(event -> {
                if (event instanceof ResponseTaken response) {
                    taken.add(response);
                }
            });
            VM vm = hypervisor.launch(Lab.tiny("suspect").withNetworkPolicy(TALKING));
            Lab.awaitNetwork(vm);
            Talk talk = Talk.onOneConnection(vm, WWW, PORT);
            talk.awaitMore(3);

            respond(hypervisor, vm, "hold", "pause");
            assertThat(vm.state()).isEqualTo(VMState.PAUSED);
            assertThat(Lab.host("virsh", "domstate", vm.id().toString())).isEqualTo("paused");
            assertSilent(talk);
            vm.resume();
            talk.awaitMore(3);

            respond(hypervisor, vm, "cut", "cut-network");
            assertThat(vm.networkPolicy()).contains(NetworkPolicy.none());
            assertSilent(talk);
            assertThat(Lab.probe(vm, "tcp", WWW, "443", "700"))
                    .isNotEqualTo("silent")
                    .doesNotStartWith("open");
            assertThat(Lab.output(vm, Command.of("echo", "it runs on"))).isEqualTo("it runs on");

            respond(hypervisor, vm, "end", "destroy");
            assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
            assertThat(Lab.host("virsh", "-q", "list", "--all", "--name")).isEmpty();
        }
        assertAudited();
    }

    /** An anomaly is found, and answered without a failure. */
    private void respond(Hypervisor hypervisor, VM vm, String kind, String name) throws InterruptedException {
        AnomalyDetected anomaly = new AnomalyDetected.Builder()
                .time(Instant.now())
                .vm(VMIdentity.of(vm.id(), vm.name()))
                .kind(kind)
                .severity(AnomalyDetected.Severity.ALERT)
                .message("something")
                .build();
        anomalies.add(anomaly.id());
        hypervisor.events().publish(anomaly);
        assertThat(taken.poll(60, TimeUnit.SECONDS)).isNotNull().satisfies(response -> {
            assertThat(response.response()).isEqualTo(name);
            assertThat(response.anomaly()).isEqualTo(anomaly.id());
            assertThat(response.failure()).isEmpty();
        });
    }

    private static void assertSilent(Talk talk) throws InterruptedException {
        Thread.sleep(UNDER_WAY.toMillis());
        int before = talk.arrived().size();
        Thread.sleep(SILENCE.toMillis());
        assertThat(talk.arrived()).hasSize(before);
    }

    private void assertAudited() throws IOException {
        assertThat(AuditLog.verify(directory).intact()).isTrue();
        List<String> lines = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".jsonl")).toList()) {
                lines.addAll(Files.readAllLines(file));
            }
        }
        List<String> names = List.of("pause", "cut-network", "destroy");
        assertThat(lines)
                .filteredOn(line -> line.contains("\"response\":"))
                .hasSameSizeAs(names)
                .zipSatisfy(
                        names,
                        (line, name) -> assertThat(line)
                                .contains("\"response\":\"" + name + "\"", "\"name\":\"suspect\"")
                                .doesNotContain("\"failure\""))
                .zipSatisfy(anomalies, (line, anomaly) -> assertThat(line).contains(anomaly.toString()));
        assertThat(String.join("\n", lines))
                .containsSubsequence("\"paused\"", "\"resumed\"", "\"policy-changed\"", "\"closed\"");
    }
}
