package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VM;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.lab.HostileFrames.Shot;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * What listeners must be told of a VM that is probed: each attempt that its tap passes, once, with the verdict of its
 * policy, and nothing else. Whether the tap passed it, tcpdump knows.
 */
final class ToldAttempts {
    private static final int IPV6 = 0x86dd;
    private static final int EPHEMERAL = 1024;
    private static final long PAUSE_NANOS = Duration.ofMillis(100).toNanos();
    private static final Duration SOON = Duration.ofSeconds(15);
    /** Frames of a kind that are less apart are one attempt. */
    private static final long ONE_ATTEMPT_NANOS = Duration.ofMinutes(1).toNanos();

    private final VM vm;
    private final Capture tap;
    private final List<VMEvent> events;
    private final NetworkAttachment attachment;
    /** When the last frame of each kind was sent, at the earliest and at the latest. */
    private final Map<String, Span> sent = new HashMap<>();

    private final Map<Flow, Integer> tried = new LinkedHashMap<>();
    private final List<Volley> volleys = new ArrayList<>();
    private int begin;
    private long beginOfCapture;

    private record Span(long from, long to) {}

    private record Volley(List<Shot> shots, Span when) {}

    /**
     * Of that VM.
     *
     * @param events all that listeners were told so far, of whatever VM; it grows
     */
    ToldAttempts(VM vm, Capture tap, List<VMEvent> events) {
        this.vm = vm;
        this.tap = tap;
        this.events = events;
        this.attachment = vm.attachment().orElseThrow();
    }

    /** What was before does not count. */
    void begin() throws IOException {
        begin = events.size();
        beginOfCapture = tap.size();
        tried.clear();
        volleys.clear();
    }

    /** A program tried that, so often; its source port is its own. Of IPv6 see {@link IPv6Attempts}. */
    void tried(Flow flow, int times) {
        tried.merge(flow, times, Integer::sum);
    }

    /** The VM sent them as they are, between those two times. */
    void sent(List<Shot> shots, long fromNanos, long toNanos) {
        volleys.add(new Volley(shots, new Span(fromNanos, toNanos)));
    }

    /**
     * How what was told since the beginning differs from what was tried, judged by {@code policy}, if it still does after
     * a while.
     */
    List<String> differences(NetworkPolicy policy) throws IOException {
        List<Flow> passed = tap.frames(beginOfCapture).stream()
                .map(frame -> Frames.flow(frame, attachment.mac()))
                .map(ToldAttempts::withoutEphemeralPort)
                .toList();
        List<String> expected = new ArrayList<>();
        List<String> perhaps = new ArrayList<>();
        tried.forEach((flow, times) -> {
            if (passed.stream().anyMatch(seen -> line(seen).equals(line(flow)))) {
                for (int i = 0; i < times; i++) {
                    expected.add(judged(flow, policy));
                }
            }
        });
        for (Volley volley : volleys) {
            Map<String, Flow> kinds = new LinkedHashMap<>();
            for (Shot shot : volley.shots()) {
                for (Flow flow : attempts(shot)) {
                    if (hasPortOfItsOwn(flow) || isLaterFragmentsAlone(shot)) {
                        expected.add(judged(flow, policy));
                    } else {
                        kinds.put(line(flow), flow);
                    }
                }
            }
            kinds.forEach((kind, flow) -> {
                Span before = sent.put(kind, volley.when());
                if (before == null || volley.when().from() - before.to() >= ONE_ATTEMPT_NANOS) {
                    expected.add(judged(flow, policy));
                } else if (volley.when().to() - before.from() >= ONE_ATTEMPT_NANOS) {
                    perhaps.add(judged(flow, policy));
                }
            });
        }
        List<String> differences = differences(expected, perhaps, policy);
        for (long end = System.nanoTime() + SOON.toNanos();
                !differences.isEmpty() && System.nanoTime() < end;
                differences = differences(expected, perhaps, policy)) {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        ConnectionLog log = vm.connectionLog();
        if (log.lost() > 0 || log.limitation().isPresent()) {
            differences.add("not all was seen: " + log.lost() + " " + log.limitation());
        }
        return differences;
    }

    private List<String> differences(List<String> expected, List<String> perhaps, NetworkPolicy policy)
            throws IOException {
        List<String> invented = told();
        List<String> missing = new ArrayList<>();
        for (String attempt : expected) {
            if (!invented.remove(attempt)) {
                missing.add("not told: " + attempt);
            }
        }
        perhaps.forEach(invented::remove);
        invented.forEach(attempt -> missing.add("told, but not tried: " + attempt));
        missing.addAll(differencesByIPv6(policy));
        return missing;
    }

    /** These go on from one run of probes to the next, so all since the launch count. */
    private List<String> differencesByIPv6(NetworkPolicy policy) throws IOException {
        List<Instant> spoken = tap.times(frame -> isIPv6OfTheGuest(Frames.flow(frame, attachment.mac())));
        List<ConnectionAttempted> told = attempts(events)
                .filter(attempt -> isIPv6OfTheGuest(attempt.flow()))
                .toList();
        assertThat(told)
                .allSatisfy(attempt -> assertThat(words(attempt.verdict()))
                        .isEqualTo(words(policy.evaluate(attempt.flow(), attachment))));
        return IPv6Attempts.differences(
                spoken, told.stream().map(ConnectionAttempted::time).toList());
    }

    private Stream<ConnectionAttempted> attempts(List<VMEvent> some) {
        return some.stream()
                .filter(event -> event.vm().id().equals(vm.id()))
                .filter(ConnectionAttempted.class::isInstance)
                .map(ConnectionAttempted.class::cast);
    }

    /** Which packet they belong to, only their number tells, which no other packet has. */
    private static boolean isLaterFragmentsAlone(Shot shot) {
        return shot.frames().stream().allMatch(Frames::isLaterFragment);
    }

    /** What says what a packet is about is the first of its fragments; each that says something else is another. */
    private List<Flow> attempts(Shot shot) {
        List<byte[]> firsts = shot.frames().stream()
                .filter(frame -> !Frames.isLaterFragment(frame))
                .toList();
        return (firsts.isEmpty() ? shot.frames().subList(0, 1) : firsts)
                .stream()
                        .filter(frame -> !Frames.isMiddleOfTcp(frame))
                        .map(frame -> withoutEphemeralPort(Frames.flow(frame, attachment.mac())))
                        .filter(flow -> !isDhcpOfTheGuest(flow) && !isIPv6OfTheGuest(flow))
                        .distinct()
                        .toList();
    }

    private List<String> told() {
        List<String> told = new ArrayList<>();
        attempts(events.subList(begin, events.size())).forEach(attempt -> {
            if (isOfTheTapItself(attempt.flow())) {
                assertThat(attempt.verdict().allowed()).as("%s", attempt).isFalse();
            } else if (isDhcpOfTheGuest(attempt.flow())) {
                assertThat(attempt.verdict().allowed()).as("%s", attempt).isTrue();
            } else if (!isIPv6OfTheGuest(attempt.flow())) {
                told.add(line(withoutEphemeralPort(attempt.flow())) + " " + words(attempt.verdict()));
            }
        });
        return told;
    }

    /** A guest asks that its lease be renewed when it likes. */
    private static boolean isDhcpOfTheGuest(Flow flow) {
        return flow.direction() == Direction.FROM_VM
                && flow.ipProtocol().orElse(-1) == Flow.UDP
                && flow.destinationPort().orElse(-1) == 67;
    }

    /** Also what probes do by it; see {@link IPv6Attempts}. */
    private boolean isIPv6OfTheGuest(Flow flow) {
        return flow.direction() == Direction.FROM_VM
                && flow.etherType() == IPV6
                && flow.sourceMac().filter(attachment.mac()::equals).isPresent();
    }

    /** The host's end of the cable looks for neighbours by IPv6 too, and no filter stands between it and the guest. */
    private boolean isOfTheTapItself(Flow flow) {
        return flow.direction() == Direction.TO_VM
                && flow.etherType() == IPV6
                && flow.sourceMac()
                        .filter(mac -> mac.toString()
                                .equals("fe" + attachment.mac().toString().substring(2)))
                        .isPresent();
    }

    /** The source port that was left out, or the identifier of an ICMP message, which no other attempt has. */
    private static boolean hasPortOfItsOwn(Flow flow) {
        return (flow.destinationPort().isPresent() && flow.sourcePort().isEmpty())
                || flow.icmpType().isPresent();
    }

    /** What programs do not choose. */
    private static Flow withoutEphemeralPort(Flow flow) {
        return flow.sourcePort().orElse(0) < EPHEMERAL ? flow : flow.withSourcePort(OptionalInt.empty());
    }

    private String judged(Flow flow, NetworkPolicy policy) {
        return line(flow) + " " + words(policy.evaluate(flow, attachment));
    }

    private static String words(Verdict verdict) {
        return verdict.outcome() + " "
                + verdict.clause()
                        .map(clause -> "floor " + clause)
                        .or(() -> verdict.rule().map(rule -> "rule " + rule))
                        .orElse(verdict.reason());
    }

    /** Who speaks to whom about what; the VM's own addresses are left out. */
    private String line(Flow flow) {
        String protocol = flow.ipProtocol().isEmpty()
                ? "ethertype " + Integer.toHexString(flow.etherType())
                : "protocol " + flow.ipProtocol().getAsInt();
        OptionalInt number = flow.destinationPort().isPresent() ? flow.destinationPort() : flow.icmpType();
        Optional<IPv4Address> other = attachmentsOwn(flow.destination()) ? Optional.empty() : flow.destination();
        Optional<IPv4Address> source = attachmentsOwn(flow.source()) ? Optional.empty() : flow.source();
        Optional<MacAddress> mac = flow.direction() == Direction.TO_VM && flow.etherType() == Flow.ETHERTYPE_IPV4
                ? Optional.empty()
                : flow.sourceMac().filter(sender -> !sender.equals(attachment.mac()));
        return Stream.of(
                        Optional.of(flow.direction()),
                        mac.map(sender -> "as " + sender),
                        source.map(sender -> "from " + sender),
                        Optional.of(protocol),
                        other.map(receiver -> "to " + receiver),
                        number.isPresent() ? Optional.of("at " + number.getAsInt()) : Optional.empty(),
                        flow.sourcePort().orElse(0) == 0
                                ? Optional.empty()
                                : Optional.of("by " + flow.sourcePort().getAsInt()))
                .flatMap(Optional::stream)
                .map(Object::toString)
                .reduce((left, right) -> left + " " + right)
                .orElseThrow();
    }

    private boolean attachmentsOwn(Optional<IPv4Address> address) {
        return address.filter(attachment.address()::equals).isPresent();
    }
}
