package dev.agentvm.monitor.report;

import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import dev.agentvm.monitor.internal.Redaction;
import dev.agentvm.network.Flow;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/** Events in words. What a guest chose is not escaped yet. */
final class Describe {
    private Describe() {}

    static String peer(Flow flow, Optional<String> name) {
        Optional<String> address = (flow.direction() == Flow.Direction.FROM_VM ? flow.destination() : flow.source())
                .map(Object::toString)
                .or(flow::destinationName);
        return name.map(text ->
                        address.map(number -> text + " (" + number + ")").orElse(text))
                .or(() -> address)
                .orElse("all");
    }

    static String service(Flow flow) {
        if (flow.etherType() == Flow.ETHERTYPE_ARP) {
            return "ARP";
        }
        if (flow.ipProtocol().isEmpty()) {
            return "ethertype 0x" + Integer.toHexString(flow.etherType());
        }
        return switch (flow.ipProtocol().getAsInt()) {
            case Flow.TCP -> "TCP " + flow.destinationPort().orElse(0);
            case Flow.UDP -> "UDP " + flow.destinationPort().orElse(0);
            case Flow.ICMP -> "ICMP type " + flow.icmpType().orElse(0);
            default -> "IP protocol " + flow.ipProtocol().getAsInt();
        };
    }

    static String command(CommandEnded command) {
        return String.join(" ", Redaction.arguments(command.argv()));
    }

    static String outcome(CommandEnded command) {
        if (command.exitCode().isPresent()) {
            return "exit " + command.exitCode().getAsInt();
        }
        return command.signal().isPresent()
                ? "signal " + command.signal().getAsInt()
                : command.failure().map(Redaction::text).orElse("");
    }

    static String bytes(OptionalLong count) {
        if (count.isEmpty()) {
            return "not counted";
        }
        double value = count.getAsLong();
        for (String unit : new String[] {"B", "KiB", "MiB", "GiB"}) {
            if (value < 1024) {
                return String.format(Locale.ROOT, unit.equals("B") ? "%.0f %s" : "%.1f %s", value, unit);
            }
            value /= 1024;
        }
        return String.format(Locale.ROOT, "%.1f TiB", value);
    }

    /** One line. */
    static String event(VMEvent event) {
        if (event instanceof ConnectionAttempted attempt) {
            return (attempt.flow().direction() == Flow.Direction.FROM_VM ? "to " : "from ")
                    + peer(attempt.flow(), attempt.name()) + " " + service(attempt.flow()) + ": "
                    + attempt.verdict().outcome().name().toLowerCase(Locale.ROOT) + ", "
                    + attempt.verdict().reason();
        } else if (event instanceof ConnectionClosed closed) {
            return "closed: " + peer(closed.flow(), closed.name()) + " " + service(closed.flow()) + ", sent "
                    + bytes(closed.sentBytes()) + ", received " + bytes(closed.receivedBytes());
        } else if (event instanceof NameResolved answer) {
            return "asked for " + answer.query() + ": code " + answer.responseCode() + " " + answer.addresses();
        } else if (event instanceof TrafficSampled sample) {
            return "sample: sent " + bytes(sample.sentBytes()) + ", received " + bytes(sample.receivedBytes())
                    + ", memory " + bytes(sample.memoryBytes()) + ", written " + bytes(sample.diskWrittenBytes())
                    + ", processor time "
                    + sample.cpuTime().map(Object::toString).orElse("not counted");
        } else if (event instanceof VMRestored restored) {
            return restored.snapshot()
                    .map(name -> "put back to snapshot " + name)
                    .orElse("reset");
        } else if (event instanceof VMPaused) {
            return "paused";
        } else if (event instanceof VMResumed) {
            return "resumed";
        } else if (event instanceof PolicyChanged changed) {
            return "policy changed; added " + changed.added() + ", removed " + changed.removed();
        } else if (event instanceof ResponseTaken response) {
            return "response " + response.response()
                    + response.failure()
                            .map(failure -> " failed: " + Redaction.text(failure))
                            .orElse(" done");
        } else if (event instanceof ObservationLimited limited) {
            return "not everything is seen: " + limited.reason();
        } else if (event instanceof EventsLost lost) {
            return lost.count() + " lost (" + lost.cause().name().toLowerCase(Locale.ROOT) + ") since " + lost.since();
        } else if (event instanceof CommandEnded command) {
            return "command " + command(command) + ": " + outcome(command);
        }
        return event.getClass().getSimpleName().replace("Immutable", "");
    }
}
