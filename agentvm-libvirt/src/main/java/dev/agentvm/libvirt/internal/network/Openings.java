package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.network.PlanRule.Transport;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.PortRange;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the rules of a policy open for one VM, merged into as few ranges of ports and addresses as possible, in an order
 * that depends on nothing but the policy.
 *
 * @param host openings of single addresses of the host
 * @param closed openings of other addresses that the floor closes; a block may hold addresses of the host and of the
 *     VM's network, which it does not open
 * @param open openings of public addresses
 */
record Openings(List<Opening> host, List<Opening> closed, List<Opening> open) {

    /**
     * One opening.
     *
     * @param destination null: all public addresses
     * @param ports null for ICMP
     */
    record Opening(
            @Nullable Cidr destination,
            Transport transport,
            @Nullable PortRange ports,
            String reason) {
        static Opening to(Cidr destination, Transport transport, PortRange ports, String reason) {
            return new Opening(destination, transport, ports, reason);
        }
    }

    static Openings of(NetworkPolicy policy, NetworkAttachment vm) {
        Merger host = new Merger();
        Merger closed = new Merger();
        Merger open = new Merger();
        for (FilterRule rule : sorted(policy.rules())) {
            if (rule.destinations().isEmpty()) {
                open.add(null, rule);
                continue;
            }
            List<Cidr> others = new ArrayList<>();
            for (Cidr destination : rule.destinations()) {
                if (destination.prefixLength() == 32 && vm.isHost(destination.base())) {
                    host.add(destination, rule);
                } else if (!vm.subnet().contains(destination)) {
                    others.add(destination);
                }
            }
            for (Cidr destination : CidrSet.merged(others)) {
                boolean floor = FloorClause.closedRanges().stream().anyMatch(range -> range.contains(destination));
                (floor ? closed : open).add(destination, rule);
            }
        }
        return new Openings(host.result(), closed.result(), open.result());
    }

    /** Those that name addresses which are closed otherwise. */
    List<Opening> named(Transport transport) {
        return Stream.concat(host.stream(), closed.stream())
                .filter(opening -> opening.transport() == transport)
                .toList();
    }

    List<Opening> all() {
        return Stream.of(host, closed, open).flatMap(List::stream).toList();
    }

    /** Each pair of rules differs in its text, since policies hold no rule twice. */
    private static List<FilterRule> sorted(Collection<FilterRule> rules) {
        return rules.stream().sorted(Comparator.comparing(FilterRule::toString)).toList();
    }

    private static Transport transport(FilterRule rule) {
        return switch (rule.protocol()) {
            case TCP -> Transport.TCP;
            case UDP -> Transport.UDP;
            case ICMP_ECHO -> Transport.ICMP;
        };
    }

    /** Merges what has the same destination and protocol. */
    private static final class Merger {
        private record Key(@Nullable Cidr destination, Transport transport) {}

        private static final Comparator<Key> ORDER = Comparator.comparing(
                        Key::destination, Comparator.nullsFirst(Comparator.<Cidr>naturalOrder()))
                .thenComparing(Key::transport);

        private final Map<Key, List<FilterRule>> rules = new TreeMap<>(ORDER);

        void add(@Nullable Cidr destination, FilterRule rule) {
            rules.computeIfAbsent(new Key(destination, transport(rule)), key -> new ArrayList<>())
                    .add(rule);
        }

        List<Opening> result() {
            List<Opening> result = new ArrayList<>();
            rules.forEach((key, same) -> {
                if (key.transport() == Transport.ICMP) {
                    result.add(new Opening(key.destination(), key.transport(), null, reasons(same, null)));
                }
                for (PortRange ports : merged(same)) {
                    result.add(new Opening(key.destination(), key.transport(), ports, reasons(same, ports)));
                }
            });
            return List.copyOf(result);
        }

        private static List<PortRange> merged(List<FilterRule> rules) {
            List<PortRange> result = new ArrayList<>();
            List<PortRange> sorted = rules.stream()
                    .flatMap(rule -> rule.ports().stream())
                    .sorted()
                    .toList();
            for (PortRange next : sorted) {
                int end = result.size() - 1;
                if (end >= 0 && next.first() <= result.get(end).last() + 1) {
                    PortRange before = result.get(end);
                    result.set(end, PortRange.of(before.first(), Math.max(before.last(), next.last())));
                } else {
                    result.add(next);
                }
            }
            return result;
        }

        private static String reasons(List<FilterRule> rules, @Nullable PortRange ports) {
            return rules.stream()
                    .filter(rule -> ports == null
                            || rule.ports().stream()
                                    .anyMatch(range -> range.first() >= ports.first() && range.last() <= ports.last()))
                    .map(FilterRule::reason)
                    .distinct()
                    .collect(Collectors.joining("; "));
        }
    }
}
