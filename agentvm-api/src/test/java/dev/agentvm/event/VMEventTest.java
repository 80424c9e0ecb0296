package dev.agentvm.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class VMEventTest {
    private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
    private static final VMIdentity VM = VMIdentity.of(UUID.randomUUID(), "vm");
    private static final NetworkPolicy POLICY = NetworkPolicy.agentDefault();
    private static final Flow OPEN = Flow.tcp("140.82.112.3", 443);
    private static final Flow CLOSED = Flow.tcp("140.82.112.3", 8080);

    @Test
    void of_verdict_givesTheEventThatSaysTheSame() {
        ConnectionAttempted allowed = attempt(OPEN);
        ConnectionAttempted denied = attempt(CLOSED);

        assertThat(allowed).isInstanceOf(ConnectionAllowed.class);
        assertThat(allowed.verdict().rule()).isPresent();
        assertThat(allowed.name()).contains("github.com");
        assertThat(denied).isInstanceOf(ConnectionDenied.class);
        assertThat(denied.flow()).isEqualTo(CLOSED);
    }

    private static ConnectionAttempted attempt(Flow flow) {
        return ConnectionAttempted.of(NOW, VM, flow, POLICY.evaluate(flow), Optional.of("github.com"));
    }

    @Test
    void build_connectionWithTheOtherVerdict_isRefused() {
        Verdict allows = POLICY.evaluate(OPEN);
        Verdict denies = POLICY.evaluate(CLOSED);

        refused(
                "verdict",
                () -> new ConnectionAllowed.Builder()
                        .time(NOW)
                        .vm(VM)
                        .flow(CLOSED)
                        .verdict(denies)
                        .build());
        refused(
                "verdict",
                () -> new ConnectionDenied.Builder()
                        .time(NOW)
                        .vm(VM)
                        .flow(OPEN)
                        .verdict(allows)
                        .build());
    }

    @Test
    void id_notSaid_isUnlikeThatOfAnyOther() {
        assertThat(died().id()).isNotEqualTo(died().id());
        VMDied event = died();
        assertThat(event.toBuilder().build()).isEqualTo(event);
        assertThat(event.withId(new UUID(0, 1)).id()).isEqualTo(new UUID(0, 1));
    }

    private static VMDied died() {
        return new VMDied.Builder().time(NOW).vm(VM).reason("powered off").build();
    }

    @Test
    void build_withoutAVM_isRefusedByName() {
        assertThatThrownBy(() -> new VMDied.Builder().time(NOW).reason("x").build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("vm");
    }

    @Test
    void identity_templateNotSaid_isItsName() {
        assertThat(VM.template()).isEqualTo("vm");
        assertThat(VM.owner()).isEmpty();
        assertThat(VM).hasToString("vm (" + VM.id() + ")");
    }

    @Test
    void launched_steps_keepTheirOrder() {
        VMLaunched event = new VMLaunched.Builder()
                .time(NOW)
                .vm(VM)
                .policy(POLICY)
                .putStep(LaunchStep.HOST_CHECKED, Duration.ofMillis(1))
                .putStep(LaunchStep.AGENT_READY, Duration.ofSeconds(2))
                .build();

        assertThat(event.steps().keySet()).containsExactly(LaunchStep.HOST_CHECKED, LaunchStep.AGENT_READY);
        assertThat(event.detached()).isFalse();
    }

    @Test
    void policyChanged_rules_areThoseThatCameAndWent() {
        FilterRule database = FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("test database");
        PolicyChanged opened = new PolicyChanged.Builder()
                .time(NOW)
                .vm(VM)
                .before(POLICY)
                .after(POLICY.toBuilder().addRule(database).build())
                .build();

        assertThat(opened.added()).containsExactly(database);
        assertThat(opened.removed()).isEmpty();
        assertThat(opened.withBefore(Optional.empty()).added())
                .isEqualTo(opened.after().rules());
        assertThat(opened.withBefore(opened.after()).withAfter(POLICY).removed())
                .containsExactly(database);
    }

    @Test
    void commandEnded_outcome_isExactlyOne() {
        CommandEnded.Builder command = new CommandEnded.Builder()
                .time(NOW)
                .vm(VM)
                .addArgv("make", "all")
                .duration(Duration.ofSeconds(3));

        refused("exitCode, signal and failure", command::build);
        assertThat(command.exitCode(2).build().exitCode()).hasValue(2);
        refused("exitCode, signal and failure", () -> command.signal(9).build());
        refused(
                "argv",
                () -> new CommandEnded.Builder()
                        .time(NOW)
                        .vm(VM)
                        .duration(Duration.ZERO)
                        .exitCode(0)
                        .build());
    }

    @Test
    void nameResolved_noPrintableName_isRefused() {
        NameResolved.Builder answer = new NameResolved.Builder()
                .time(NOW)
                .vm(VM)
                .type(NameResolved.A)
                .responseCode(NameResolved.NX_DOMAIN)
                .addAddress(IPv4Address.of("140.82.112.3"));

        assertThat(answer.query("a\\032b.example").build().query()).isEqualTo("a\\032b.example");
        refused("query", () -> answer.query("a b").build());
        refused("query", () -> answer.query("a\u0007").build());
        refused("query", () -> answer.query("a".repeat(1005)).build());
        refused("type", () -> answer.query("a").type(65536).build());
        refused("responseCode", () -> answer.type(1).responseCode(16).build());
        refused("ttl", () -> answer.responseCode(0).ttl(Duration.ofSeconds(-1)).build());
    }

    @Test
    void trafficSampled_whatIsNotCounted_isEmptyAndNeverNegative() {
        TrafficSampled sample = new TrafficSampled.Builder()
                .time(NOW)
                .vm(VM)
                .interval(Duration.ofSeconds(10))
                .build();

        assertThat(sample.receivedBytes()).isEmpty();
        assertThat(sample.cpuTime()).isEmpty();
        refused("sentBytes", () -> sample.withSentBytes(-1));
        refused("cpuTime", () -> sample.withCpuTime(Duration.ofNanos(-1)));
        refused("vcpus", () -> sample.withVcpus(0));
        refused("interval", () -> sample.withInterval(Duration.ofSeconds(-1)));
    }

    @Test
    void connectionClosed_whatTheKernelDoesNotCount_isEmptyAndNeverNegative() {
        ConnectionAttempted began = attempt(OPEN);
        ConnectionClosed closed = new ConnectionClosed.Builder()
                .time(NOW)
                .vm(VM)
                .connection(began.id())
                .flow(began.flow())
                .build();

        assertThat(closed.sentBytes()).isEmpty();
        assertThat(closed.duration()).isEmpty();
        refused("receivedBytes", () -> closed.withReceivedBytes(-1));
        refused("duration", () -> closed.withDuration(Duration.ofSeconds(-1)));
    }

    @Test
    void anomaly_kind_isAPlainWord() {
        AnomalyDetected.Builder anomaly = new AnomalyDetected.Builder()
                .time(NOW)
                .vm(VM)
                .severity(Severity.ALERT)
                .message("it was denied and answered")
                .addEvidence(attempt(CLOSED));

        assertThat(anomaly.kind(AnomalyDetected.POLICY_CONTRADICTED).build().evidence())
                .hasSize(1);
        refused("kind", () -> anomaly.kind("Port scan").build());
        refused(
                "response",
                () -> new ResponseTaken.Builder()
                        .time(NOW)
                        .vm(VM)
                        .anomaly(new UUID(0, 1))
                        .response("")
                        .build());
    }

    @Test
    void eventsLost_none_isRefused() {
        refused(
                "count",
                () -> new EventsLost.Builder()
                        .time(NOW)
                        .vm(VM)
                        .cause(EventsLost.Cause.CAPTURE)
                        .since(NOW)
                        .count(0)
                        .build());
    }

    @Test
    void identity_labels_cannotBeChanged() {
        VMIdentity labelled = VM.toBuilder().putLabel("team", "red").build();

        assertThat(labelled.labels()).isEqualTo(Map.of("team", "red"));
        assertThatThrownBy(() -> labelled.labels().clear()).isInstanceOf(UnsupportedOperationException.class);
    }

    private static void refused(String field, ThrowingCallable build) {
        assertThatThrownBy(build)
                .isInstanceOfSatisfying(
                        InvalidValueException.class, e -> assertThat(e.field()).contains(field));
    }
}
