package dev.agentvm.testkit;

import dev.agentvm.testkit.NwfilterException.Kind;
import dev.agentvm.testkit.internal.nwfilter.FilterDefinition;
import dev.agentvm.testkit.internal.nwfilter.FilterReader;
import dev.agentvm.testkit.internal.nwfilter.Host;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Judges packets as libvirt's network filters would: it reads the filters' XML, turns them into the rules that libvirt 9.0
 * gives to ebtables and iptables, and leads packets through them. Where libvirt makes something else of a filter than it
 * says, so does the simulator, and the explanation says so.
 *
 * <pre>{@code
 * NwfilterSimulator simulator = NwfilterSimulator.builder().filter(xml).bridgeNetfilter(true).build();
 * Nic nic = Nic.of("52:54:00:12:34:56", "192.168.101.10");
 * Simulation simulation = simulator.attach("my-filter", nic, Map.of());
 * Judgement judgement =
 *         simulation.judge(nic.sends(Path.ROUTED).ipv4("192.168.101.10", "8.8.8.8").tcp(40000, 443).build());
 * assertTrue(judgement.accepted(), judgement.explanation());
 * }</pre>
 *
 * <p>What it does not model is refused: learning of IP addresses, the fields of spanning tree frames, TCP options, AH over
 * IPv6, sets of several dimensions, names where numbers are due. It knows one interface; the rest of the host's firewall
 * is one verdict each for {@code FORWARD} and {@code INPUT}. Immutable, safe for use by several threads.
 */
public final class NwfilterSimulator {
    private final Map<String, FilterDefinition> filters;
    private final Host.Settings settings;

    private NwfilterSimulator(Map<String, FilterDefinition> filters, Host.Settings settings) {
        this.filters = filters;
        this.settings = settings;
    }

    /** A simulator to be given its filters. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Puts a filter into force on an interface, without any connection known.
     *
     * @param filter the name of a filter given to the builder
     * @param nic the interface
     * @param parameters the variables' values, a list for each; those that libvirt would skip are skipped
     * @throws NwfilterException if libvirt could not put it into force, or the simulator does not model it
     */
    public Simulation attach(String filter, Nic nic, Map<String, List<String>> parameters) {
        Map<String, List<String>> variables = new HashMap<>();
        parameters.forEach((name, values) -> {
            List<String> valid = values.stream()
                    .filter(v -> FilterReader.isParameter(name, v))
                    .toList();
            if (!valid.isEmpty()) {
                variables.put(name, valid);
            }
        });
        variables.putIfAbsent("MAC", List.of(nic.mac()));
        nic.ip().ifPresent(ip -> variables.putIfAbsent("IP", List.of(ip)));
        return new Simulation(Host.attach(settings, filters, filter, variables));
    }

    /** The same without parameters. */
    public Simulation attach(String filter, Nic nic) {
        return attach(filter, nic, Map.of());
    }

    /** Gathers filters and what the host is like. Not safe for use by several threads at once. */
    public static final class Builder {
        private final Map<String, FilterDefinition> filters = new LinkedHashMap<>();
        private final Map<String, List<String>> sets = new HashMap<>();
        private boolean bridged4 = true;
        private boolean bridged6 = true;
        private Judgement.Outcome forward = Judgement.Outcome.ACCEPTED;
        private Judgement.Outcome input = Judgement.Outcome.ACCEPTED;
        private boolean tracking = true;

        private Builder() {}

        /**
         * Defines a filter. What it refers to may be defined later, or never: libvirt minds only when it is used.
         *
         * @param xml a whole {@code <filter>} document
         * @throws NwfilterException if libvirt would refuse it, as it does a second one of the same name
         */
        public Builder filter(String xml) {
            FilterDefinition definition = FilterReader.read(xml);
            if (filters.putIfAbsent(definition.name(), definition) != null) {
                throw new NwfilterException(Kind.DEFINE_REFUSED, definition + " already exists");
            }
            return this;
        }

        /**
         * Whether {@code bridge-nf-call-iptables} and {@code bridge-nf-call-ip6tables} are 1, by default true. If not,
         * the IP rules of filters never apply.
         */
        public Builder bridgeNetfilter(boolean on) {
            return bridgeNetfilter(on, on);
        }

        /** The same for each IP version. */
        public Builder bridgeNetfilter(boolean ipv4, boolean ipv6) {
            bridged4 = ipv4;
            bridged6 = ipv6;
            return this;
        }

        /** What the rest of {@code FORWARD} does with what libvirt's chains leave to it; by default accepts. */
        public Builder restOfForward(boolean accepts) {
            forward = accepts ? Judgement.Outcome.ACCEPTED : Judgement.Outcome.DROPPED;
            return this;
        }

        /** What the rest of {@code INPUT} does with what libvirt's chains leave to it; by default accepts. */
        public Builder restOfInput(boolean accepts) {
            input = accepts ? Judgement.Outcome.ACCEPTED : Judgement.Outcome.DROPPED;
            return this;
        }

        /**
         * Whether something beside the filter makes the host track connections, as NAT does; by default true. If not, it
         * does only for filters that compare states or count connections. It matters to fragments of IPv4: only where
         * connections are tracked do the IP rules see them put together.
         */
        public Builder connectionTracking(boolean always) {
            tracking = always;
            return this;
        }

        /**
         * A set of networks ({@code hash:net} or {@code hash:ip}) that the attribute {@code ipset} may name.
         *
         * @param members addresses with or without a prefix length
         */
        public Builder ipset(String name, String... members) {
            sets.put(name, List.of(members));
            return this;
        }

        /**
         * The simulator.
         *
         * @throws NwfilterException if filters refer to each other in a circle
         */
        public NwfilterSimulator build() {
            for (String name : filters.keySet()) {
                refuseCircle(name, new LinkedHashSet<>());
            }
            return new NwfilterSimulator(
                    Map.copyOf(filters),
                    new Host.Settings(bridged4, bridged6, forward, input, tracking, Map.copyOf(sets)));
        }

        private void refuseCircle(String name, Set<String> above) {
            if (!above.add(name)) {
                throw new NwfilterException(
                        Kind.DEFINE_REFUSED, "filter would introduce a loop: " + new ArrayList<>(above) + ", " + name);
            }
            FilterDefinition filter = filters.get(name);
            if (filter != null) {
                for (FilterDefinition.Entry entry : filter.entries()) {
                    if (entry instanceof FilterDefinition.Reference reference) {
                        refuseCircle(reference.filter(), new LinkedHashSet<>(above));
                    }
                }
            }
        }
    }
}
