package dev.agentvm.examples.watch;

import dev.agentvm.AgentVMException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMRestored;
import dev.agentvm.network.Flow;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Remembers of each VM what is to be shown, and of what happened the latest. Of VMs that other programs launched it knows
 * that they are there; what they do is told to those programs. A VM of which it is told anything is none of those, even if
 * the beginning was lost. Safe for use by many threads.
 */
final class Board implements VMEventListener {
    private static final int MAX_NEWS = 200;
    private static final int MAX_VMS = 4096;
    /** A guest may ask for longer ones, and what comes after them shall be seen. */
    private static final int HOST_COLUMNS = 40;

    private final Map<UUID, Watched> watched = new LinkedHashMap<>();
    private final Deque<News> alerts = new ArrayDeque<>();
    private final Deque<News> news = new ArrayDeque<>();

    /** Whether something was told of a VM for which there was no place. */
    private boolean crowded;

    private static final class Watched {
        private final Optional<Instant> since;
        /** What it had sent when that was last known. */
        private OptionalLong sent;

        private OptionalLong received;
        private OptionalLong sentPerSecond = OptionalLong.empty();
        private OptionalLong receivedPerSecond = OptionalLong.empty();
        private boolean launched;
        private long allowed;
        private long denied;
        private long alerts;
        private boolean partly;
        private Optional<String> last = Optional.empty();

        private Watched(VMEvent first) {
            boolean fromTheBeginning = first instanceof LaunchStarted;
            since = fromTheBeginning ? Optional.of(first.time()) : Optional.empty();
            sent = fromTheBeginning ? OptionalLong.of(0) : OptionalLong.empty();
            received = sent;
            launched = !fromTheBeginning;
            partly = !fromTheBeginning;
        }
    }

    @Override
    public synchronized void onEvent(VMEvent event) {
        if (event instanceof VMClosed closed) {
            ended(event, "closed: " + closed.reason());
        } else if (event instanceof VMDied died) {
            ended(event, "died: " + died.reason());
        } else if (event instanceof LaunchFailed failed) {
            ended(event, "launch failed: " + failed.reason());
        } else {
            update(watched(event), event);
        }
    }

    private Watched watched(VMEvent event) {
        UUID id = event.vm().id();
        Watched vm = watched.get(id);
        if (vm != null) {
            return vm;
        }
        Watched first = new Watched(event);
        if (watched.size() < MAX_VMS) {
            watched.put(id, first);
        } else {
            crowded = true;
        }
        return first;
    }

    private void ended(VMEvent event, String how) {
        watched.remove(event.vm().id());
        tell(event, how, Line.Tone.FAINT);
    }

    private void update(Watched vm, VMEvent event) {
        if (event instanceof VMLaunched) {
            vm.launched = true;
        } else if (event instanceof ConnectionAttempted attempt) {
            attempted(vm, attempt);
        } else if (event instanceof AnomalyDetected anomaly) {
            boolean alert = anomaly.severity() == AnomalyDetected.Severity.ALERT;
            vm.alerts += alert ? 1 : 0;
            tell(
                    event,
                    anomaly.severity() + " " + anomaly.kind() + ": " + anomaly.message(),
                    alert ? Line.Tone.ALERT : Line.Tone.DENIED);
        } else if (event instanceof TrafficSampled sample) {
            vm.sentPerSecond = rate(vm.sent, sample.sentBytes(), sample);
            vm.receivedPerSecond = rate(vm.received, sample.receivedBytes(), sample);
            vm.sent = sample.sentBytes();
            vm.received = sample.receivedBytes();
        } else if (event instanceof VMRestored) {
            vm.sent = OptionalLong.of(0);
            vm.received = OptionalLong.of(0);
        } else if (event instanceof EventsLost lost) {
            vm.partly = true;
            String what = lost.cause() == EventsLost.Cause.CAPTURE ? "a frame" : "an event";
            tell(
                    event,
                    "not everything is seen: " + what + " was lost (" + lower(lost.cause()) + ")",
                    Line.Tone.DENIED,
                    lost.count());
        } else if (event instanceof ObservationLimited limited) {
            vm.partly = true;
            tell(event, "not everything is seen: " + limited.reason(), Line.Tone.DENIED);
        }
    }

    private void attempted(Watched vm, ConnectionAttempted attempt) {
        boolean allowed = attempt.verdict().allowed();
        if (allowed) {
            vm.allowed++;
        } else {
            vm.denied++;
        }
        String what = words(attempt);
        vm.last = Optional.of((allowed ? "" : "DENIED ") + what);
        tell(
                attempt,
                allowed ? what : "DENIED " + what + ": " + attempt.verdict().reason(),
                allowed ? Line.Tone.PLAIN : Line.Tone.DENIED);
    }

    private static OptionalLong rate(OptionalLong before, OptionalLong now, TrafficSampled sample) {
        long millis = sample.interval().toMillis();
        if (before.isEmpty() || now.isEmpty() || millis == 0) {
            return OptionalLong.empty();
        }
        long grown = Math.max(0, now.getAsLong() - before.getAsLong());
        return OptionalLong.of(Math.round(grown * 1000.0 / millis));
    }

    private static String words(ConnectionAttempted attempt) {
        Flow flow = attempt.flow();
        boolean outward = flow.direction() == Flow.Direction.FROM_VM;
        String address = (outward ? flow.destination() : flow.source())
                .map(Object::toString)
                .orElse("all");
        String peer = attempt.name()
                .map(name -> Plain.cutHost(Plain.of(name), HOST_COLUMNS) + " (" + address + ")")
                .orElse(address);
        return (outward ? "to " : "from ") + peer + " " + service(flow);
    }

    private static String service(Flow flow) {
        if (flow.ipProtocol().isEmpty()) {
            return String.format(Locale.ROOT, "ethertype 0x%04x", flow.etherType());
        }
        int protocol = flow.ipProtocol().getAsInt();
        return switch (protocol) {
            case Flow.TCP -> "tcp " + flow.destinationPort().orElse(0);
            case Flow.UDP -> "udp " + flow.destinationPort().orElse(0);
            case Flow.ICMP -> "icmp";
            default -> "ip protocol " + protocol;
        };
    }

    private void tell(VMEvent event, String text, Line.Tone tone) {
        tell(event, text, tone, 1);
    }

    /**
     * Alerts have a place of their own, since a VM that is up to something makes many news. What is like something earlier
     * is told in its place: where events of many VMs are lost, they take turns.
     */
    private void tell(VMEvent event, String text, Line.Tone tone, long times) {
        News one = new News(event.time(), Plain.of(event.vm().name()), Plain.of(text), tone, times);
        Deque<News> all = tone == Line.Tone.ALERT ? alerts : news;
        Optional<News> earlier = all.stream().filter(one::isLike).findFirst();
        earlier.ifPresent(all::remove);
        all.addFirst(earlier.map(one::after).orElse(one));
        if (all.size() > MAX_NEWS) {
            all.removeLast();
        }
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /** What is to be shown of the VMs that the hypervisor has at that moment. */
    View look(Hypervisor hypervisor, Instant now) {
        List<Row> rows = new ArrayList<>();
        Optional<String> trouble = Optional.empty();
        Set<UUID> ended = launched();
        try {
            for (VM vm : hypervisor.list()) {
                ended.remove(vm.id());
                rows.add(row(vm));
            }
            forget(ended);
        } catch (AgentVMException e) {
            trouble = Optional.of(Plain.of(String.valueOf(e.getMessage())));
        }
        rows.sort(Comparator.comparing((Row row) -> !row.hasAlerts()).thenComparing(Row::name));
        synchronized (this) {
            return new View(now, List.copyOf(rows), List.copyOf(alerts), List.copyOf(news), trouble);
        }
    }

    private synchronized Set<UUID> launched() {
        return watched.entrySet().stream()
                .filter(vm -> vm.getValue().launched)
                .map(Map.Entry::getKey)
                .collect(Collectors.toCollection(HashSet::new));
    }

    /** The end of a VM may be lost, and something may be told of it after its end. */
    private synchronized void forget(Set<UUID> ended) {
        watched.keySet().removeAll(ended);
    }

    private synchronized Row row(VM vm) {
        String name = Plain.of(vm.name());
        String state = lower(vm.state());
        Watched known = watched.get(vm.id());
        if (known == null) {
            return new Row(
                    vm.id(),
                    name,
                    state,
                    Optional.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    false,
                    Optional.of(
                            crowded
                                    ? "(another program's, or too many to watch)"
                                    : "(another program's, which watches it)"));
        }
        return new Row(
                vm.id(),
                name,
                // Until its policy is in force, a VM that is launched is paused.
                known.launched ? state : lower(VMState.STARTING),
                known.since,
                known.sentPerSecond,
                known.receivedPerSecond,
                OptionalLong.of(known.allowed),
                OptionalLong.of(known.denied),
                OptionalLong.of(known.alerts),
                known.partly,
                known.last.map(Plain::of));
    }
}
