package dev.agentvm.monitor.audit;

import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import dev.agentvm.monitor.Story;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** One event of each kind, with everything in it. */
final class Samples {
    static final VMIdentity VM = new VMIdentity.Builder()
            .id(new UUID(0, 1))
            .name("vm")
            .template("job")
            .owner("host-program-7")
            .putLabel("team", "blue")
            .putLabel("api_key", "hunter2")
            .build();
    private static final FilterRule DATABASE =
            FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("test database");

    private Samples() {}

    static List<VMEvent> ofEachKind() {
        NetworkPolicy open =
                Story.POLICY.toBuilder().addRule(DATABASE).connectionLimit(100).build();
        VMEvent denied = Story.tcp(1, 1, 5432);
        return List.of(
                new LaunchStarted.Builder()
                        .time(Story.at(0))
                        .vm(VM)
                        .policy(open)
                        .build(),
                new VMLaunched.Builder()
                        .time(Story.at(1))
                        .vm(VM)
                        .policy(open)
                        .attachment(NetworkAttachment.example())
                        .putStep(LaunchStep.HOST_CHECKED, Duration.ofMillis(3))
                        .addWarning("no shaping")
                        .build(),
                new LaunchFailed.Builder()
                        .time(Story.at(1))
                        .vm(VM)
                        .reason("no space")
                        .build(),
                denied,
                Story.tcp(1, 1, 443),
                Story.attempt(1, Flow.pingToVM("20.0.0.1")),
                Story.attempt(1, Flow.tcp("169.254.169.254", 80), "metadata.example"),
                Story.answer(2, "example.com"),
                new ConnectionClosed.Builder()
                        .time(Story.at(2))
                        .vm(VM)
                        .connection(new UUID(0, 2))
                        .flow(Flow.tcp("20.0.0.1", 443))
                        .answer(ConnectionClosed.Answer.ANSWERED)
                        .sentBytes(10)
                        .receivedBytes(20)
                        .duration(Duration.ofSeconds(1))
                        .build(),
                Story.sample(3)
                        .sentBytes(1)
                        .receivedBytes(2)
                        .sentPackets(3)
                        .receivedPackets(4)
                        .cpuTime(Duration.ofSeconds(1))
                        .vcpus(2)
                        .memoryBytes(5)
                        .diskReadBytes(6)
                        .diskWrittenBytes(7)
                        .build(),
                new VMRestored.Builder()
                        .time(Story.at(3))
                        .vm(VM)
                        .snapshot("base")
                        .duration(Duration.ofMillis(400))
                        .build(),
                new VMPaused.Builder().time(Story.at(3)).vm(VM).build(),
                new VMResumed.Builder().time(Story.at(3)).vm(VM).build(),
                new PolicyChanged.Builder()
                        .time(Story.at(3))
                        .vm(VM)
                        .before(Story.POLICY)
                        .after(open)
                        .build(),
                new CommandEnded.Builder()
                        .time(Story.at(4))
                        .vm(VM)
                        .addArgv("git", "clone")
                        .user("agent")
                        .duration(Duration.ofSeconds(1))
                        .exitCode(0)
                        .build(),
                new CommandEnded.Builder()
                        .time(Story.at(4))
                        .vm(VM)
                        .addArgv("x")
                        .duration(Duration.ofSeconds(1))
                        .signal(9)
                        .build(),
                new AnomalyDetected.Builder()
                        .time(Story.at(5))
                        .vm(VM)
                        .kind("port-scan")
                        .severity(AnomalyDetected.Severity.ALERT)
                        .message("many ports")
                        .addEvidence(denied)
                        .build(),
                new ResponseTaken.Builder()
                        .time(Story.at(6))
                        .vm(VM)
                        .anomaly(new UUID(0, 3))
                        .response("destroy")
                        .failure("gone")
                        .build(),
                new ObservationLimited.Builder()
                        .time(Story.at(7))
                        .vm(VM)
                        .reason("no right to open a packet socket")
                        .build(),
                new EventsLost.Builder()
                        .time(Story.at(8))
                        .vm(VM)
                        .cause(EventsLost.Cause.CAPTURE)
                        .count(3)
                        .since(Story.at(7))
                        .build(),
                new VMDied.Builder()
                        .time(Story.at(9))
                        .vm(VM)
                        .reason("powered off")
                        .build(),
                new VMClosed.Builder()
                        .time(Story.at(9))
                        .vm(VM)
                        .reason("destroyed")
                        .build());
    }
}
