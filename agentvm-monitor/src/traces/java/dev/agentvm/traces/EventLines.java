package dev.agentvm.traces;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/** Events as lines of a trace. The verdict of an attempt is the default policy's, of which the outcome is kept. */
final class EventLines {
    private static final String ATTEMPT = "try";
    private static final String ANSWER = "dns";
    private static final String SAMPLE = "use";
    private static final String ANOMALY = "anomaly";

    private final Trace.Header header;
    private final VMIdentity vm;

    EventLines(Trace.Header header) {
        this.header = header;
        vm = VMIdentity.of(UUID.nameUUIDFromBytes(header.name().getBytes(StandardCharsets.UTF_8)), header.name());
    }

    String write(VMEvent event) {
        JsonLine line = new JsonLine()
                .put("t", Duration.between(header.began(), event.time()).toMillis());
        if (event instanceof ConnectionAttempted attempt) {
            attempt(line.put("e", ATTEMPT), attempt);
        } else if (event instanceof NameResolved answer) {
            line.put("e", ANSWER)
                    .put("query", answer.query())
                    .put("type", answer.type())
                    .put("code", answer.responseCode());
            if (!answer.addresses().isEmpty()) {
                line.put(
                        "addresses",
                        answer.addresses().stream().map(Object::toString).toList());
            }
        } else if (event instanceof TrafficSampled sample) {
            sample(line.put("e", SAMPLE), sample);
        } else if (event instanceof AnomalyDetected anomaly) {
            line.put("e", ANOMALY)
                    .put("kind", anomaly.kind())
                    .put("severity", anomaly.severity().name())
                    .put("message", anomaly.message());
        } else {
            throw new IllegalArgumentException("not kept in traces: " + event);
        }
        return line.end();
    }

    VMEvent read(JsonLine line) {
        Instant time = header.began().plusMillis(line.number("t").orElseThrow());
        String kind = line.text("e");
        return switch (kind) {
            case ATTEMPT -> attempt(line, time);
            case ANSWER ->
                new NameResolved.Builder()
                        .time(time)
                        .vm(vm)
                        .query(line.text("query"))
                        .type(line.smallNumber("type").orElseThrow())
                        .responseCode(line.smallNumber("code").orElseThrow())
                        .addAllAddresses(line.texts("addresses").stream()
                                .map(IPv4Address::of)
                                .toList())
                        .build();
            case SAMPLE -> sample(line, time);
            case ANOMALY ->
                new AnomalyDetected.Builder()
                        .time(time)
                        .vm(vm)
                        .kind(line.text("kind"))
                        .severity(AnomalyDetected.Severity.valueOf(line.text("severity")))
                        .message(line.text("message"))
                        .build();
            default -> throw new IllegalArgumentException("no event of a trace: " + kind);
        };
    }

    private static void attempt(JsonLine line, ConnectionAttempted attempt) {
        Flow flow = attempt.flow();
        if (flow.direction() == Flow.Direction.TO_VM) {
            line.put("direction", flow.direction().name());
        }
        if (flow.etherType() != Flow.ETHERTYPE_IPV4) {
            line.put("etherType", flow.etherType());
        }
        flow.sourceMac().ifPresent(mac -> line.put("mac", mac.toString()));
        flow.source().ifPresent(address -> line.put("from", address.toString()));
        flow.destination().ifPresent(address -> line.put("to", address.toString()));
        line.put("protocol", flow.ipProtocol())
                .put("sourcePort", flow.sourcePort())
                .put("port", flow.destinationPort())
                .put("icmp", flow.icmpType());
        attempt.name().ifPresent(name -> line.put("name", name));
        line.put("outcome", attempt.verdict().outcome().name());
    }

    private ConnectionAttempted attempt(JsonLine line, Instant time) {
        Flow flow = new Flow.Builder()
                .direction(line.optionalText("direction")
                        .map(Flow.Direction::valueOf)
                        .orElse(Flow.Direction.FROM_VM))
                .etherType(line.smallNumber("etherType").orElse(Flow.ETHERTYPE_IPV4))
                .sourceMac(line.optionalText("mac").map(MacAddress::of))
                .source(line.optionalText("from").map(IPv4Address::of))
                .destination(line.optionalText("to").map(IPv4Address::of))
                .ipProtocol(line.smallNumber("protocol"))
                .sourcePort(line.smallNumber("sourcePort"))
                .destinationPort(line.smallNumber("port"))
                .icmpType(line.smallNumber("icmp"))
                .build();
        Verdict verdict = NetworkPolicy.agentDefault().evaluate(flow, header.attachment());
        if (!verdict.outcome().name().equals(line.text("outcome"))) {
            throw new IllegalStateException("The default policy is another than that of the recording: " + flow
                    + " was " + line.text("outcome") + " and is " + verdict + "; record the traces anew");
        }
        return ConnectionAttempted.of(time, vm, flow, verdict, line.optionalText("name"));
    }

    private static void sample(JsonLine line, TrafficSampled sample) {
        line.put("interval", sample.interval().toMillis())
                .put("received", sample.receivedBytes())
                .put("receivedPackets", sample.receivedPackets())
                .put("sent", sample.sentBytes())
                .put("sentPackets", sample.sentPackets())
                .put("vcpus", sample.vcpus())
                .put("memory", sample.memoryBytes())
                .put("diskRead", sample.diskReadBytes())
                .put("diskWritten", sample.diskWrittenBytes());
        sample.cpuTime().ifPresent(time -> line.put("cpu", time.toMillis()));
    }

    private TrafficSampled sample(JsonLine line, Instant time) {
        OptionalLong cpu = line.number("cpu");
        return new TrafficSampled.Builder()
                .time(time)
                .vm(vm)
                .interval(Duration.ofMillis(line.number("interval").orElseThrow()))
                .receivedBytes(line.number("received"))
                .receivedPackets(line.number("receivedPackets"))
                .sentBytes(line.number("sent"))
                .sentPackets(line.number("sentPackets"))
                .vcpus(line.smallNumber("vcpus"))
                .memoryBytes(line.number("memory"))
                .diskReadBytes(line.number("diskRead"))
                .diskWrittenBytes(line.number("diskWritten"))
                .cpuTime(cpu.isPresent() ? Optional.of(Duration.ofMillis(cpu.getAsLong())) : Optional.empty())
                .build();
    }
}
