package dev.agentvm.benchmarks;

import dev.agentvm.Resources;
import dev.agentvm.libvirt.internal.connection.CreateFlag;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.network.AddressPool;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.FilterCompiler;
import dev.agentvm.libvirt.internal.network.FilterRenderer;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.FilterRefXml;
import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.Nic;
import dev.agentvm.testkit.NwfilterSimulator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** What filters add to the creation of a domain, which is then destroyed before its first instruction. */
final class FilterBenchmark {
    static final double REJECT_BUDGET = 0.60;
    static final double DROP_BUDGET = 0.45;

    private static final int MORE_PORTS = 20;
    /** Apart, so that they stay single ports. */
    private static final int[] PORTS =
            IntStream.range(0, MORE_PORTS).map(i -> 20_000 + 2 * i).toArray();

    /** What is compared. */
    private enum Variant {
        NONE("no filter"),
        DROP("default policy, DROP"),
        REJECT("default policy, REJECT"),
        NAIVE("naive reference"),
        DROP_MORE("DROP and " + MORE_PORTS + " more ports"),
        REJECT_MORE("REJECT and " + MORE_PORTS + " more ports");

        private final String text;

        Variant(String text) {
            this.text = text;
        }

        Optional<FilterXml> filter(UUID id, Attached attached) {
            return switch (this) {
                case NONE -> Optional.empty();
                case NAIVE ->
                    Optional.of(NaiveFilter.render(
                            FilterRenderer.name(id),
                            id,
                            attached.vm(),
                            attached.gatewayMac().orElseThrow().toString()));
                case DROP -> Optional.of(compiled(NetworkPolicy.agentDefault(), DenyAction.DROP, id, attached));
                case REJECT -> Optional.of(compiled(NetworkPolicy.agentDefault(), DenyAction.REJECT, id, attached));
                case DROP_MORE -> Optional.of(compiled(morePorts(), DenyAction.DROP, id, attached));
                case REJECT_MORE -> Optional.of(compiled(morePorts(), DenyAction.REJECT, id, attached));
            };
        }

        private static FilterXml compiled(NetworkPolicy policy, DenyAction denied, UUID id, Attached attached) {
            return FilterRenderer.render(FilterCompiler.compile(policy, attached, denied), id, id);
        }

        private static NetworkPolicy morePorts() {
            return NetworkPolicy.agentDefault().toBuilder()
                    .addRule(FilterRule.allow().tcp(PORTS).because("to measure what a port costs"))
                    .build();
        }
    }

    /** How long one domain took, in seconds. */
    private record Times(double create, double destroy) {}

    private record Prepared(String domainXml, int rules, int kernelRules, Optional<String> filterName) {}

    private final Libvirt libvirt;
    private final Map<Variant, Prepared> prepared = new EnumMap<>(Variant.class);
    private final List<Map<Variant, Times>> rounds = new ArrayList<>();

    private FilterBenchmark(Libvirt libvirt) {
        this.libvirt = libvirt;
    }

    static Section run(int rounds) {
        double load = Machine.load();
        UUID vm = UUID.randomUUID();
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            FilterBenchmark benchmark = new FilterBenchmark(libvirt);
            BootSource boot = Bench.boot();
            VMDisk disk = Bench.overlays(libvirt).create(vm, boot, 1);
            try {
                benchmark.prepare(vm, boot, disk);
                DomainRef domain = new DomainRef(vm, Bench.NAME);
                benchmark.round(domain);
                benchmark.rounds.clear();
                for (int round = 0; round < rounds; round++) {
                    benchmark.round(domain);
                }
            } finally {
                benchmark.prepared.values().stream()
                        .flatMap(variant -> variant.filterName().stream())
                        .forEach(libvirt.filters()::undefine);
                libvirt.storage()
                        .deleteVolume(disk.volume().pool(), disk.volume().name());
                new AddressPool(libvirt).release(vm);
            }
            return benchmark.section(Machine.describe(libvirt.host()), load);
        }
    }

    /** On a host that has no public address, so that filters have as many rules on every machine. */
    private void prepare(UUID vm, BootSource boot, VMDisk disk) {
        ManagedNetwork network = Bench.network(libvirt);
        Attached here = Bench.reserve(libvirt, network, vm);
        Attached attached = new Attached(
                here.vm().toBuilder().hostAddresses(Set.of(network.gateway())).build(),
                here.bridge(),
                here.gatewayMac(),
                here.loopbackRouted());
        for (Variant variant : Variant.values()) {
            UUID id = UUID.randomUUID();
            Optional<FilterXml> filter = variant.filter(id, attached);
            DomainXml domain = Bench.domain(
                    vm, disk, boot, Resources.light(), new Bench.Card(network, attached, FilterRenderer.name(id)));
            domain.devices.interfaces.get(0).filterref =
                    filter.map(xml -> FilterRefXml.to(FilterRenderer.name(id))).orElse(null);
            filter.ifPresent(xml -> libvirt.filters().define(LibvirtXml.write(xml)));
            prepared.put(
                    variant,
                    new Prepared(
                            LibvirtXml.write(domain),
                            filter.map(xml -> xml.rules().size()).orElse(0),
                            filter.map(xml -> kernelRules(xml, attached)).orElse(0),
                            filter.map(xml -> FilterRenderer.name(id))));
        }
    }

    /** How many rules libvirt makes of a filter; it runs a process for each. */
    private static int kernelRules(FilterXml filter, Attached attached) {
        return NwfilterSimulator.builder()
                .filter(LibvirtXml.write(filter))
                .build()
                .attach(
                        String.valueOf(filter.name),
                        Nic.of(
                                attached.vm().mac().toString(),
                                attached.vm().address().toString()))
                .commands()
                .size();
    }

    private void round(DomainRef domain) {
        Map<Variant, Times> round = new EnumMap<>(Variant.class);
        List<Variant> order = new ArrayList<>(Arrays.asList(Variant.values()));
        Collections.shuffle(order);
        for (Variant variant : order) {
            String xml = of(prepared, variant).domainXml();
            long start = System.nanoTime();
            libvirt.domains().create(xml, Set.of(CreateFlag.START_PAUSED, CreateFlag.AUTODESTROY));
            long created = System.nanoTime();
            libvirt.domains().destroy(domain);
            round.put(variant, new Times((created - start) / 1e9, (System.nanoTime() - created) / 1e9));
        }
        rounds.add(round);
    }

    private Section section(String machine, double load) {
        Table costs = new Table(
                "filter",
                "rules",
                "rules in the kernel",
                "create, s",
                "adds, s",
                "of what naive adds",
                "least",
                "most",
                "destroy, s");
        for (Variant variant : Variant.values()) {
            Prepared filter = of(prepared, variant);
            boolean compared = variant != Variant.NONE;
            Spread ratio = spread(round -> added(round, variant) / added(round, Variant.NAIVE));
            costs.row(
                    variant.text,
                    Integer.toString(filter.rules()),
                    Integer.toString(filter.kernelRules()),
                    number(spread(round -> of(round, variant).create()).median(), 2),
                    compared ? number(spread(round -> added(round, variant)).median(), 2) : "",
                    compared ? number(ratio.median(), 2) : "",
                    compared ? number(ratio.min(), 2) : "",
                    compared ? number(ratio.max(), 2) : "",
                    number(spread(round -> of(round, variant).destroy()).median(), 2));
        }
        Table slopes = new Table("cost of one more", "median, ms", "of a naive rule");
        slope(slopes, "port under DROP (a rule of layer 2)", Variant.DROP, Variant.DROP_MORE);
        slope(slopes, "port under REJECT (a rule of layer 3)", Variant.REJECT, Variant.REJECT_MORE);
        slopes.row(
                "rule of the naive reference, on average",
                number(1000 * spread(FilterBenchmark.this::naiveRule).median(), 1),
                number(1, 2));
        String text = "Measured on " + machine + ", " + rounds.size() + " rounds; load before the run "
                + number(load, 1) + ".\n\n" + costs + "\n\n" + slopes;
        List<String> exceeded = new ArrayList<>();
        check(exceeded, Variant.REJECT, REJECT_BUDGET);
        check(exceeded, Variant.DROP, DROP_BUDGET);
        return new Section("filter", text, exceeded);
    }

    private void slope(Table table, String what, Variant base, Variant more) {
        Spread seconds = spread(round -> perPort(round, base, more));
        Spread ratio = spread(round -> perPort(round, base, more) / naiveRule(round));
        table.row(what, number(1000 * seconds.median(), 1), number(ratio.median(), 2));
    }

    private void check(List<String> exceeded, Variant variant, double budget) {
        double ratio = spread(round -> added(round, variant) / added(round, Variant.NAIVE))
                .median();
        if (ratio > budget) {
            exceeded.add("the default policy under " + variant + " adds " + number(ratio, 2)
                    + " of what the naive filter adds; " + number(budget, 2) + " is the budget");
        }
    }

    private static double perPort(Map<Variant, Times> round, Variant base, Variant more) {
        return (of(round, more).create() - of(round, base).create()) / MORE_PORTS;
    }

    private double naiveRule(Map<Variant, Times> round) {
        return added(round, Variant.NAIVE) / of(prepared, Variant.NAIVE).rules();
    }

    private static double added(Map<Variant, Times> round, Variant variant) {
        return of(round, variant).create() - of(round, Variant.NONE).create();
    }

    private Spread spread(ToDoubleFunction<Map<Variant, Times>> value) {
        return Spread.of(rounds.stream().map(value::applyAsDouble).toList());
    }

    private static <T> T of(Map<Variant, T> all, Variant variant) {
        T one = all.get(variant);
        if (one == null) {
            throw new IllegalStateException(variant + " was not measured");
        }
        return one;
    }

    private static String number(double value, int decimals) {
        return Table.number(value, decimals);
    }
}
