package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.Registration;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What real guests do is told, all of it and nothing else. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class EventsIT {
    private static final int IPV6 = 0x86dd;
    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final String WWW_NAME = Lab.fact("WWW_NAME");
    private static final String PRIVATE = "10.77.0.5";
    /** An address of the host's that is no gateway. */
    private static final String STRANGER = "10.88.0.1";

    private final List<VMEvent> events = new CopyOnWriteArrayList<>();

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    private Hypervisor connect() {
        return new LibvirtHypervisor.Builder()
                .addListener(events::add)
                .samplingInterval(Duration.ofSeconds(1))
                .connect();
    }

    private <E extends VMEvent> List<E> told(Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    private static void eventually(Runnable assertion) {
        Awaitility.await().atMost(Duration.ofSeconds(15)).untilAsserted(assertion::run);
    }

    @Test
    void events_hostileGuest_areOneForEachAttemptWithWhatDecided() {
        List<String> expected = new ArrayList<>();
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny("told"))) {
            Lab.awaitNetwork(vm);
            String gateway =
                    vm.attachment().orElseThrow().gateway().orElseThrow().toString();
            MacAddress own = vm.attachment().orElseThrow().mac();
            IPv4Address address = vm.attachment().orElseThrow().address();

            Lab.probe(vm, "tcp", WWW, "443");
            expected.add("FROM_VM 6 " + WWW + ":443 ALLOWED HTTPS: clones, package registries, APIs");
            Lab.probe(vm, "tcp", WWW, "8080");
            expected.add("FROM_VM 6 " + WWW + ":8080 REFUSED no rule allows it");
            Lab.probe(vm, "tcp", PRIVATE, "443", "300");
            expected.add("FROM_VM 6 " + PRIVATE + ":443 DROPPED PRIVATE");
            Lab.probe(vm, "tcp", gateway, "22", "300");
            expected.add("FROM_VM 6 " + gateway + ":22 DROPPED HOST");
            Lab.probe(vm, "udp", WWW, "8080", "hello", "300");
            expected.add("FROM_VM 17 " + WWW + ":8080 DROPPED no rule allows it");
            Lab.probe(vm, "ping", WWW);
            expected.add("FROM_VM 1 " + WWW + ":8 ALLOWED to tell a dead network from a slow one");
            Lab.send(vm, Frames.arp(own, IPv4Address.of(gateway), "mine"));
            expected.add("FROM_VM arp DROPPED OWN_ADDRESS");
            Lab.send(
                    vm,
                    Frames.ethernet(
                            Frames.BROADCAST, own, Frames.IPV4, Frames.packet(address, IPv4Address.of(WWW), 47, "x")));
            expected.add("FROM_VM 47 " + WWW + " DROPPED PROTOCOL");

            eventually(() -> assertThat(attempts()).containsExactlyInAnyOrderElementsOf(expected));
            assertThat(told(ConnectionAttempted.class).stream().map(EventsIT::asInTheLog))
                    .as("the same as in the log")
                    .isEqualTo(vm.connectionLog().attempts());
        }
        eventually(() -> assertThat(told(VMClosed.class)).hasSize(1));
        assertThat(attempts()).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(told(AnomalyDetected.class)).isEmpty();
        assertThat(told(EventsLost.class)).isEmpty();
        assertThat(told(ObservationLimited.class)).isEmpty();
    }

    /** A guest speaks IPv6 by itself, and asks for names and an address, when it likes. */
    private List<String> attempts() {
        return told(ConnectionAttempted.class).stream()
                .filter(event -> event.flow().etherType() != IPV6)
                .filter(event -> event.flow().destinationPort().orElse(-1) != 53
                        && event.flow().destinationPort().orElse(-1) != 67)
                .map(EventsIT::line)
                .toList();
    }

    private static ConnectionAttempt asInTheLog(ConnectionAttempted event) {
        return new ConnectionAttempt(event.time(), event.flow(), Optional.of(event.verdict()));
    }

    private static String line(ConnectionAttempted event) {
        Flow flow = event.flow();
        OptionalInt port = flow.destinationPort().isPresent() ? flow.destinationPort() : flow.icmpType();
        String what = flow.ipProtocol().isEmpty()
                ? "arp"
                : flow.ipProtocol().getAsInt() + " " + flow.destination().orElseThrow()
                        + (port.isPresent() ? ":" + port.getAsInt() : "");
        String by =
                event.verdict().clause().map(Enum::name).orElse(event.verdict().reason());
        return flow.direction() + " " + what + " " + event.verdict().outcome() + " " + by;
    }

    @Test
    void events_nameAndConnection_tellTheNameTheAnswerAndTheEnd() {
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny("named"))) {
            Lab.awaitNetwork(vm);
            String gateway =
                    vm.attachment().orElseThrow().gateway().orElseThrow().toString();

            Lab.probe(vm, "dns", gateway, "no-such-name.example.com");
            Lab.probe(vm, "tcp", WWW, "443");
            Lab.probe(vm, "tcp", WWW, "9419");

            eventually(() -> {
                assertThat(told(NameResolved.class))
                        .anySatisfy(answer -> {
                            assertThat(answer.query()).isEqualTo(WWW_NAME);
                            assertThat(answer.type()).isEqualTo(NameResolved.A);
                            assertThat(answer.responseCode()).isEqualTo(NameResolved.NO_ERROR);
                            assertThat(answer.addresses()).containsExactly(IPv4Address.of(WWW));
                            assertThat(answer.ttl()).isPresent();
                        })
                        .anySatisfy(answer -> {
                            assertThat(answer.query()).isEqualTo("no-such-name.example.com");
                            assertThat(answer.responseCode()).isEqualTo(NameResolved.NX_DOMAIN);
                            assertThat(answer.addresses()).isEmpty();
                        });
                assertThat(told(ConnectionClosed.class).stream().filter(closed -> toPort(closed.flow(), 443)))
                        .singleElement()
                        .satisfies(closed -> {
                            assertThat(closed.answer()).contains(ConnectionClosed.Answer.ANSWERED);
                            assertThat(closed.name()).contains(WWW_NAME);
                            assertThat(closed.duration()).isPresent();
                            assertThat(closed.connection())
                                    .isEqualTo(told(ConnectionAllowed.class).stream()
                                            .filter(began -> toPort(began.flow(), 443))
                                            .findFirst()
                                            .orElseThrow()
                                            .id());
                        });
            });
            assertThat(told(ConnectionDenied.class).stream().filter(denied -> toPort(denied.flow(), 9419)))
                    .singleElement()
                    .satisfies(denied -> assertThat(denied.name()).contains(WWW_NAME));
        }
    }

    @Test
    void events_kernelThatCounts_tellTheBytesOfAConnection() throws Exception {
        Lab.withSysctl("net.netfilter.nf_conntrack_acct", "1", () -> {
            ConnectionClosed closed = closedConnection("counted");
            assertThat(closed.sentBytes().orElseThrow()).isBetween(100L, 10_000L);
            assertThat(closed.receivedBytes().orElseThrow()).isBetween(100L, 10_000L);
        });
    }

    @Test
    void events_kernelThatDoesNotCount_tellNoBytes() throws Exception {
        Lab.withSysctl("net.netfilter.nf_conntrack_acct", "0", () -> {
            ConnectionClosed closed = closedConnection("uncounted");
            assertThat(closed.sentBytes()).isEmpty();
            assertThat(closed.receivedBytes()).isEmpty();
        });
    }

    private ConnectionClosed closedConnection(String name) {
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny(name))) {
            Lab.awaitNetwork(vm);
            Lab.probe(vm, "tcp", WWW, "443");
            eventually(() -> assertThat(told(ConnectionClosed.class)).anyMatch(closed -> toPort(closed.flow(), 443)));
        }
        return told(ConnectionClosed.class).stream()
                .filter(closed -> toPort(closed.flow(), 443))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void events_withoutTheRightToCapture_sayThatConnectionsAreNotSeen() throws Exception {
        Process program =
                OtherJvm.start(List.of("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"), Unable.class);
        String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(program.waitFor()).as(said).isZero();
        assertThat(said.lines())
                .containsSubsequence("LaunchStarted", "ObservationLimited", "VMLaunched", "CommandEnded", "VMClosed")
                .doesNotContain("ConnectionAllowed", "ConnectionDenied")
                .containsOnlyOnce("ObservationLimited");
    }

    /** A program that may not read what passes taps, and says what it is told. */
    static final class Unable {
        private Unable() {}

        /** No arguments. */
        public static void main(String[] args) {
            List<VMEvent> events = new CopyOnWriteArrayList<>();
            try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                            .addListener(events::add)
                            .connect();
                    VM vm = hypervisor.launch(Lab.tiny("unable"))) {
                Lab.awaitNetwork(vm);
            }
            Awaitility.await().until(() -> events.stream().anyMatch(VMClosed.class::isInstance));
            events.forEach(
                    event -> System.out.println(event.getClass().getSuperclass().getSimpleName()));
        }
    }

    private static boolean toPort(Flow flow, int port) {
        return flow.ipProtocol().orElse(-1) == Flow.TCP
                && flow.destinationPort().orElse(-1) == port;
    }

    @Test
    void events_life_isToldFromTheFirstStepToTheEnd() {
        FilterRule database = FilterRule.allow().tcp(8080).because("a service under test");
        NetworkPolicy opened =
                NetworkPolicy.agentDefault().toBuilder().addRule(database).build();
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny("living"))) {
            Lab.awaitNetwork(vm);
            vm.setNetworkPolicy(opened);
            assertThat(Lab.probe(vm, "tcp", WWW, "8080")).contains("open");

            eventually(() -> assertThat(told(TrafficSampled.class))
                    .hasSizeGreaterThan(3)
                    .last()
                    .satisfies(sample -> {
                        assertThat(sample.receivedBytes().orElseThrow()).isPositive();
                        assertThat(sample.receivedPackets().orElseThrow()).isPositive();
                        assertThat(sample.sentBytes().orElseThrow()).isPositive();
                        assertThat(sample.sentPackets().orElseThrow()).isPositive();
                        assertThat(sample.cpuTime().orElseThrow()).isPositive();
                        assertThat(sample.vcpus()).hasValue(1);
                        assertThat(sample.memoryBytes().orElseThrow()).isGreaterThan(1 << 20);
                        assertThat(sample.interval()).isBetween(Duration.ofMillis(500), Duration.ofSeconds(10));
                    }));
        }
        eventually(() -> assertThat(told(VMClosed.class)).hasSize(1));
        assertThat(events.get(0)).isInstanceOf(LaunchStarted.class);
        assertThat(events.get(events.size() - 1)).isInstanceOf(VMClosed.class);
        assertThat(told(VMLaunched.class))
                .singleElement()
                .satisfies(launched -> assertThat(launched.steps()).containsKeys(LaunchStep.values()));
        assertThat(told(PolicyChanged.class)).singleElement().satisfies(changed -> {
            assertThat(changed.added()).containsExactly(database);
            assertThat(changed.removed()).isEmpty();
        });
        assertThat(told(AnomalyDetected.class)).isEmpty();
        assertThat(events.stream().map(event -> event.vm().name()).collect(Collectors.toSet()))
                .containsExactly("living");
    }

    @Test
    void events_filterTakenAway_isAnAlertAsSoonAsSomethingPasses() {
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny("unfiltered"))) {
            Lab.awaitNetwork(vm);
            Lab.probe(vm, "tcp", WWW, "8080");
            eventually(() -> assertThat(attempts()).anyMatch(line -> line.contains(":8080 REFUSED")));
            assertThat(told(AnomalyDetected.class)).isEmpty();

            Lab.unfilter(vm);
            Lab.probe(vm, "tcp", WWW, "8080");

            eventually(() -> assertThat(told(AnomalyDetected.class)).isNotEmpty());
            AnomalyDetected alert = told(AnomalyDetected.class).get(0);
            assertThat(alert.kind()).isEqualTo(AnomalyDetected.POLICY_CONTRADICTED);
            assertThat(alert.severity()).isEqualTo(AnomalyDetected.Severity.ALERT);
            assertThat(alert.evidence()).singleElement().isInstanceOfSatisfying(ConnectionDenied.class, denied -> {
                assertThat(denied.flow().destination()).isEqualTo(Optional.of(IPv4Address.of(WWW)));
                assertThat(denied.flow().destinationPort()).hasValue(8080);
            });
        }
    }

    /** A filter lets none of it come that far, or most of it would never be seen. */
    @Test
    void events_whatReachesAVM_areOneForEachAttemptAndAnAlert() throws IOException {
        Lab.host("ip", "addr", "add", STRANGER, "dev", "lo");
        try (Hypervisor hypervisor = connect();
                VM vm = hypervisor.launch(Lab.tiny("reached"))) {
            Lab.awaitNetwork(vm);
            Lab.unfilter(vm);
            String address = vm.attachment().orElseThrow().address().toString();

            Lab.host("ping", "-c", "1", "-W", "5", address);
            Lab.host("ping", "-c", "1", "-W", "5", "-I", STRANGER, address);
            try (DatagramSocket socket = new DatagramSocket()) {
                byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
                socket.send(new DatagramPacket(hello, hello.length, InetAddress.getByName(address), 4444));
            }
            assertThatThrownBy(() -> new Socket(address, 4445).close()).isInstanceOf(ConnectException.class);

            eventually(() -> assertThat(attempts())
                    .filteredOn(line -> line.startsWith("TO_VM"))
                    .containsExactlyInAnyOrder(
                            "TO_VM 1 " + address + ":8 ALLOWED the gateway may ping the VM",
                            "TO_VM 1 " + address + ":8 DROPPED INBOUND",
                            "TO_VM 17 " + address + ":4444 DROPPED INBOUND",
                            "TO_VM 6 " + address + ":4445 DROPPED INBOUND"));
            // Of its kind there is one a minute.
            assertThat(told(AnomalyDetected.class)).singleElement().satisfies(alert -> {
                assertThat(alert.kind()).isEqualTo(AnomalyDetected.POLICY_CONTRADICTED);
                assertThat(alert.evidence())
                        .singleElement()
                        .isInstanceOfSatisfying(
                                ConnectionDenied.class,
                                denied -> assertThat(denied.flow().source()).contains(IPv4Address.of(STRANGER)));
            });
        } finally {
            Lab.host("ip", "addr", "del", STRANGER + "/32", "dev", "lo");
        }
    }

    @Test
    void events_slowListener_losesVisiblyAndHoldsUpNothing() throws InterruptedException {
        CountDownLatch goOn = new CountDownLatch(1);
        List<VMEvent> slow = new CopyOnWriteArrayList<>();
        try (Hypervisor hypervisor = connect()) {
            Registration registration = hypervisor
                    .events()
                    .listen(
                            event -> {
                                await(goOn);
                                slow.add(event);
                            },
                            3);
            try (VM vm = hypervisor.launch(Lab.tiny("slow"))) {
                Lab.awaitNetwork(vm);
                for (int port = 1; port <= 20; port++) {
                    Lab.probe(vm, "tcp", WWW, Integer.toString(port), "100");
                }
                eventually(() -> assertThat(told(ConnectionDenied.class).stream()
                                .filter(denied -> denied.flow().ipProtocol().orElse(-1) == Flow.TCP))
                        .hasSize(20));
            }
            assertThat(registration.lost()).isGreaterThan(20);
            goOn.countDown();
            eventually(() -> assertThat(slow.stream()
                            .filter(EventsLost.class::isInstance)
                            .mapToLong(event -> ((EventsLost) event).count())
                            .sum())
                    .isEqualTo(registration.lost()));
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
