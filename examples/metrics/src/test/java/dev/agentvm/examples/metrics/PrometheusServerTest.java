package dev.agentvm.examples.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import dev.agentvm.testkit.Reply;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What Prometheus gets to see of a day with VMs, and what the dashboard makes of it. */
class PrometheusServerTest {
    private static final VMTemplate TEMPLATE =
            new VMTemplate.Builder().name("job").build();
    private static final Path DASHBOARD = Path.of("grafana-dashboard.json");
    private static final Pattern NAME = Pattern.compile("agentvm_[a-z_]+");
    private static final Pattern LABELS = Pattern.compile("by \\(([a-z, ]+)\\)|\\{([a-z]+)=|\\{\\{([a-z]+)}}");

    private final HttpClient client = HttpClient.newHttpClient();
    private PrometheusServer server;
    private FakeHypervisor hypervisor;
    private VMPool pool;

    @BeforeEach
    void start() throws IOException {
        server = PrometheusServer.start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        hypervisor = new FakeHypervisor.Builder().metrics(server.sink()).build();
        pool = new VMPool.Builder(hypervisor, TEMPLATE)
                .min(0)
                .max(1)
                .time(hypervisor.time())
                .metrics(server.sink())
                .open();
    }

    @AfterEach
    void stop() {
        pool.close();
        hypervisor.close();
        server.close();
    }

    @Test
    void scrape_afterADay_hasWhatHappened() {
        liveThroughADay();

        String scraped = scrape();

        assertThat(scraped.lines())
                .contains(
                        "agentvm_vms{state=\"running\"} 2.0",
                        "agentvm_launch_duration_seconds_count{outcome=\"launched\"} 3",
                        "agentvm_launch_duration_seconds_bucket{outcome=\"launched\",le=\"1.0\"} 0",
                        "agentvm_launch_duration_seconds_bucket{outcome=\"launched\",le=\"2.5\"} 3",
                        "agentvm_restore_duration_seconds_count{kind=\"reset\"} 1",
                        "agentvm_command_duration_seconds_count{outcome=\"success\"} 1",
                        "agentvm_command_duration_seconds_count{outcome=\"timeout\"} 1",
                        "agentvm_connections_total{direction=\"from_vm\",verdict=\"denied\"} 1.0",
                        "agentvm_pool_vms{pool=\"job\",state=\"leased\"} 1.0",
                        "agentvm_pool_wait_seconds_count{outcome=\"leased\",pool=\"job\"} 1",
                        "agentvm_traffic_bytes_total{direction=\"sent\"} 1000.0",
                        "agentvm_anomalies_total{kind=\"port-scan\",severity=\"alert\"} 1.0",
                        "# HELP agentvm_vms VMs that this program launched, by state");
        assertThat(scraped).contains("agentvm_reaper_findings_total{outcome=\"removed\"}");
    }

    @Test
    void scrape_otherThanGet_isRefused() throws Exception {
        HttpRequest post = HttpRequest.newBuilder(server.uri())
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();

        assertThat(client.send(post, HttpResponse.BodyHandlers.discarding()).statusCode())
                .isEqualTo(405);
    }

    @Test
    void dashboard_queries_useWhatTheScrapeExposes() throws IOException {
        liveThroughADay();
        String scraped = scrape();
        Set<String> exposed = matches(NAME, scraped);
        List<String> queries = texts("expr");

        Set<String> used = new TreeSet<>();
        queries.forEach(query -> used.addAll(matches(NAME, query)));

        assertThat(queries).hasSizeGreaterThan(10);
        assertThat(exposed).containsAll(used);
        assertThat(queries).allMatch(query -> NAME.matcher(query).find());
    }

    @Test
    void dashboard_labels_areThoseOfTheScrape() throws IOException {
        liveThroughADay();
        String scraped = scrape();

        List<String> texts = new ArrayList<>(texts("expr"));
        texts.addAll(texts("legendFormat"));

        assertThat(texts.stream().flatMap(text -> labels(text).stream()))
                .isNotEmpty()
                .allSatisfy(label -> assertThat(scraped).containsPattern("[{,]" + label + "=\""));
    }

    /** A bit of everything. */
    private void liveThroughADay() {
        hypervisor
                .whenExec("build")
                .thenAnswer((command, guest) -> Reply.exit(0).after(Duration.ofSeconds(20)));
        hypervisor.whenExec("loop").thenAnswer((command, guest) -> Reply.hang());
        VMLease lease = pool.acquire(Duration.ofMinutes(1));
        FakeVM vm = hypervisor.launch(
                TEMPLATE.withName("other"),
                new LaunchOptions.Builder().resettable(true).build());
        vm.exec(Command.of("build"));
        assertThatExceptionOfType(CommandTimeoutException.class)
                .isThrownBy(() -> vm.exec(new Command.Builder()
                        .addArgv("loop")
                        .timeout(Duration.ofSeconds(5))
                        .build()));
        vm.connect(Flow.tcp("169.254.169.254", 80));
        vm.reset();
        VMIdentity identity = VMIdentity.of(vm.id(), vm.name());
        publishWhatTheFakeDoesNotDo(identity);
        FakeHypervisor other = hypervisor.anotherProgram();
        other.launch(TEMPLATE.withName("orphan"));
        other.kill();
        assertThat(hypervisor.reap().removed()).isNotEmpty();
        hypervisor.launch(TEMPLATE.withName("third")).close();
        assertThat(lease.vm().name()).startsWith("job");
        await().until(() -> scrape().contains("agentvm_vm_ends_total"));
    }

    private void publishWhatTheFakeDoesNotDo(VMIdentity vm) {
        hypervisor
                .events()
                .publish(new TrafficSampled.Builder()
                        .time(hypervisor.time().now())
                        .vm(vm)
                        .interval(Duration.ofSeconds(10))
                        .sentBytes(1000)
                        .sentPackets(3)
                        .build());
        hypervisor
                .events()
                .publish(new AnomalyDetected.Builder()
                        .time(hypervisor.time().now())
                        .vm(vm)
                        .kind("port-scan")
                        .severity(AnomalyDetected.Severity.ALERT)
                        .message("it tried 20 ports")
                        .build());
        hypervisor
                .events()
                .publish(new EventsLost.Builder()
                        .time(hypervisor.time().now())
                        .vm(vm)
                        .cause(EventsLost.Cause.CAPTURE)
                        .count(3)
                        .since(hypervisor.time().now())
                        .build());
    }

    private String scrape() {
        try {
            HttpResponse<String> response =
                    client.send(HttpRequest.newBuilder(server.uri()).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(response.statusCode()).isEqualTo(200);
            return response.body();
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** All texts of that field in the dashboard, which must be JSON. */
    private static List<String> texts(String field) throws IOException {
        List<String> texts = new ArrayList<>();
        try (JsonParser json = new JsonFactory().createParser(DASHBOARD.toFile())) {
            for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
                if (token == JsonToken.VALUE_STRING && field.equals(json.currentName())) {
                    texts.add(json.getText());
                }
            }
        }
        return texts;
    }

    private static Set<String> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results().map(match -> match.group()).collect(Collectors.toSet());
    }

    private static List<String> labels(String text) {
        List<String> labels = new ArrayList<>();
        LABELS.matcher(text).results().forEach(match -> {
            for (int group = 1; group <= match.groupCount(); group++) {
                if (match.group(group) != null) {
                    labels.addAll(List.of(match.group(group).split(", ")));
                }
            }
        });
        return labels;
    }
}
