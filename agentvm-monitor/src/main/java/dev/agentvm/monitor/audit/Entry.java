package dev.agentvm.monitor.audit;

import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import dev.agentvm.monitor.internal.Redaction;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import dev.agentvm.network.Verdict;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** Writes events as entries: the schema of {@code docs/audit.md}. */
final class Entry {
    private final Json json;

    private Entry(Json json) {
        this.json = json;
    }

    /** An event as an entry of that number. */
    static String of(long sequence, VMEvent event) {
        try (Json json = new Json()) {
            json.put("seq", sequence)
                    .put("id", event.id().toString())
                    .put("time", event.time().toString())
                    .put("type", type(event));
            Entry entry = new Entry(json);
            entry.vm(event.vm());
            entry.detail(event);
            return json.end();
        }
    }

    private static String type(VMEvent event) {
        if (event instanceof LaunchStarted) {
            return "launch-started";
        } else if (event instanceof VMLaunched) {
            return "launched";
        } else if (event instanceof LaunchFailed) {
            return "launch-failed";
        } else if (event instanceof VMRestored) {
            return "restored";
        } else if (event instanceof VMPaused) {
            return "paused";
        } else if (event instanceof VMResumed) {
            return "resumed";
        } else if (event instanceof VMClosed) {
            return "closed";
        } else if (event instanceof VMDied) {
            return "died";
        } else if (event instanceof ConnectionAllowed) {
            return "connection-allowed";
        } else if (event instanceof ConnectionDenied) {
            return "connection-denied";
        } else if (event instanceof ConnectionClosed) {
            return "connection-closed";
        } else if (event instanceof NameResolved) {
            return "name-resolved";
        } else if (event instanceof TrafficSampled) {
            return "sample";
        } else if (event instanceof PolicyChanged) {
            return "policy-changed";
        } else if (event instanceof CommandEnded) {
            return "command-ended";
        } else if (event instanceof AnomalyDetected) {
            return "anomaly";
        } else if (event instanceof ResponseTaken) {
            return "response";
        } else if (event instanceof ObservationLimited) {
            return "observation-limited";
        } else if (event instanceof EventsLost) {
            return "events-lost";
        }
        return "other";
    }

    private void vm(VMIdentity vm) {
        json.object("vm", () -> {
            json.put("id", vm.id().toString()).put("name", vm.name()).put("template", vm.template());
            vm.owner().ifPresent(owner -> json.put("owner", owner));
            json.put("labels", Redaction.labels(vm.labels()));
        });
    }

    private void detail(VMEvent event) {
        if (event instanceof LaunchStarted started) {
            started.policy().ifPresent(policy -> policy("policy", policy));
        } else if (event instanceof VMLaunched launched) {
            launched.policy().ifPresent(policy -> policy("policy", policy));
            launched.attachment().ifPresent(this::attachment);
            steps(launched.steps());
            json.put("detached", launched.detached()).put("warnings", launched.warnings());
        } else if (event instanceof LaunchFailed failed) {
            steps(failed.steps());
            json.put("reason", Redaction.text(failed.reason()));
        } else if (event instanceof VMRestored restored) {
            restored.snapshot().ifPresent(name -> json.put("snapshot", name));
            json.put("durationMillis", restored.duration().toMillis());
        } else if (event instanceof VMClosed closed) {
            json.put("reason", closed.reason());
        } else if (event instanceof VMDied died) {
            json.put("reason", died.reason());
        } else if (event instanceof ConnectionAttempted attempt) {
            flow(attempt.flow(), attempt.name());
            verdict(attempt.verdict());
        } else if (event instanceof ConnectionClosed closed) {
            closed(closed);
        } else if (event instanceof NameResolved answer) {
            json.put("query", answer.query())
                    .put("queryType", answer.type())
                    .put("responseCode", answer.responseCode())
                    .put("addresses", texts(answer.addresses()));
        } else if (event instanceof PolicyChanged changed) {
            changed.before().ifPresent(policy -> policy("before", policy));
            policy("after", changed.after());
            rules("added", changed.added());
            rules("removed", changed.removed());
        } else if (event instanceof CommandEnded command) {
            command(command);
        } else if (event instanceof AnomalyDetected anomaly) {
            anomaly(anomaly);
        } else if (event instanceof ResponseTaken response) {
            json.put("anomaly", response.anomaly().toString()).put("response", response.response());
            response.failure().ifPresent(failure -> json.put("failure", Redaction.text(failure)));
        } else if (event instanceof ObservationLimited limited) {
            json.put("reason", limited.reason());
        } else if (event instanceof EventsLost lost) {
            json.put("cause", name(lost.cause()))
                    .put("count", lost.count())
                    .put("since", lost.since().toString());
        } else if (event instanceof TrafficSampled sample) {
            sample(sample);
        }
    }

    private void policy(String field, NetworkPolicy policy) {
        json.object(field, () -> {
            json.put("denied", name(policy.denied())).put("nameResolution", policy.nameResolution());
            policy.connectionLimit().ifPresent(limit -> json.put("connectionLimit", limit));
            rules("rules", policy.rules());
        });
    }

    private void rules(String field, Collection<FilterRule> rules) {
        json.objects(
                field, rules.stream().<Runnable>map(rule -> () -> rule(rule)).toList());
    }

    private void rule(FilterRule rule) {
        json.put("protocol", name(rule.protocol()));
        if (!rule.ports().isEmpty()) {
            json.put("ports", rule.ports().stream().map(PortRange::toString).toList());
        }
        if (!rule.destinations().isEmpty()) {
            json.put(
                    "destinations",
                    rule.destinations().stream().map(Cidr::toString).toList());
        }
        json.put("reason", rule.reason());
    }

    private void attachment(NetworkAttachment attachment) {
        json.object(
                "attachment",
                () -> json.put("mac", attachment.mac().toString())
                        .put("address", attachment.address().toString())
                        .put("subnet", attachment.subnet().toString()));
    }

    private void steps(Map<LaunchStep, Duration> steps) {
        json.object("steps", () -> steps.forEach((step, time) -> json.put(name(step), time.toMillis())));
    }

    private void flow(Flow flow, Optional<String> name) {
        json.object("flow", () -> {
            json.put("direction", name(flow.direction())).put("etherType", flow.etherType());
            flow.sourceMac().ifPresent(mac -> json.put("sourceMac", mac.toString()));
            flow.source().ifPresent(address -> json.put("source", address.toString()));
            flow.destination().ifPresent(address -> json.put("destination", address.toString()));
            flow.ipProtocol().ifPresent(protocol -> json.put("protocol", protocol));
            flow.sourcePort().ifPresent(port -> json.put("sourcePort", port));
            flow.destinationPort().ifPresent(port -> json.put("destinationPort", port));
            flow.icmpType().ifPresent(type -> json.put("icmpType", type));
            name.or(flow::destinationName).ifPresent(text -> json.put("name", text));
        });
    }

    private void verdict(Verdict verdict) {
        json.object("verdict", () -> {
            json.put("outcome", name(verdict.outcome())).put("reason", verdict.reason());
            verdict.rule().ifPresent(rule -> json.object("rule", () -> rule(rule)));
            verdict.clause().ifPresent(clause -> json.put("clause", name(clause)));
        });
    }

    private void closed(ConnectionClosed closed) {
        json.put("connection", closed.connection().toString());
        flow(closed.flow(), closed.name());
        closed.answer().ifPresent(answer -> json.put("answer", name(answer)));
        count("sentBytes", closed.sentBytes());
        count("receivedBytes", closed.receivedBytes());
        closed.duration().ifPresent(duration -> json.put("durationMillis", duration.toMillis()));
    }

    private void sample(TrafficSampled sample) {
        json.put("intervalMillis", sample.interval().toMillis());
        count("receivedBytes", sample.receivedBytes());
        count("receivedPackets", sample.receivedPackets());
        count("sentBytes", sample.sentBytes());
        count("sentPackets", sample.sentPackets());
        sample.cpuTime().ifPresent(time -> json.put("cpuMillis", time.toMillis()));
        sample.vcpus().ifPresent(vcpus -> json.put("vcpus", vcpus));
        count("memoryBytes", sample.memoryBytes());
        count("diskReadBytes", sample.diskReadBytes());
        count("diskWrittenBytes", sample.diskWrittenBytes());
    }

    private void count(String field, OptionalLong count) {
        count.ifPresent(value -> json.put(field, value));
    }

    private void command(CommandEnded command) {
        json.put("argv", Redaction.arguments(command.argv()));
        command.user().ifPresent(user -> json.put("user", user));
        json.put("durationMillis", command.duration().toMillis());
        command.exitCode().ifPresent(code -> json.put("exitCode", code));
        command.signal().ifPresent(signal -> json.put("signal", signal));
        command.failure().ifPresent(failure -> json.put("failure", Redaction.text(failure)));
    }

    private void anomaly(AnomalyDetected anomaly) {
        json.put("kind", anomaly.kind())
                .put("severity", name(anomaly.severity()))
                .put("message", Redaction.text(anomaly.message()));
        json.objects(
                "evidence",
                anomaly.evidence().stream()
                        .<Runnable>map(event -> () -> evidence(event))
                        .toList());
    }

    private void evidence(VMEvent event) {
        json.put("id", event.id().toString())
                .put("time", event.time().toString())
                .put("type", type(event));
        if (!(event instanceof AnomalyDetected)) {
            detail(event);
        }
    }

    private static List<String> texts(Collection<?> values) {
        return values.stream().map(Object::toString).toList();
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
