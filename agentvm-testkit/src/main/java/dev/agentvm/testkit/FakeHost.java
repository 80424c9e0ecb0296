package dev.agentvm.testkit;

import dev.agentvm.Accelerator;
import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.NamedImage;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** A machine that exists in memory, with all that the VMs of several programs have on it. Safe for use by many threads. */
final class FakeHost {
    static final String NO_SHAPING = "bandwidth: the host's kernel cannot shape traffic";
    private static final int FIRST_VM = 10;

    private final Settings settings;
    private final FaultPlan faults;
    private final ExecScript.Book scripts = new ExecScript.Book();
    private final Map<String, Machine> domains = new LinkedHashMap<>();
    private final Map<UUID, Remains> remains = new LinkedHashMap<>();
    private final BitSet addresses = new BitSet();
    private final FakeImages images = new FakeImages(this::userOf);

    /**
     * What the host is like.
     *
     * @param time its time
     * @param images the images that it has from the start
     * @param accelerator what runs guests
     * @param subnet the addresses of its network
     * @param shaping whether it can limit bandwidth
     * @param bootTime how long a guest takes to boot
     */
    record Settings(
            VirtualTime time,
            Set<GuestImage> images,
            Accelerator accelerator,
            Cidr subnet,
            boolean shaping,
            Duration bootTime) {}

    /** What a launch made on the host, in its order, and for which program. */
    private static final class Remains {
        private final String name;
        private final FakeHypervisor program;
        private final boolean detached;
        private final Set<String> things = new LinkedHashSet<>();
        private int address = -1;

        private Remains(String name, FakeHypervisor program, boolean detached) {
            this.name = name;
            this.program = program;
            this.detached = detached;
        }
    }

    FakeHost(Settings settings, FaultPlan faults) {
        this.settings = settings;
        this.faults = faults;
        settings.images().forEach(image -> {
            if (image instanceof NamedImage named) {
                images.put(named);
            }
        });
    }

    /** The named images. */
    FakeImages images() {
        return images;
    }

    boolean has(GuestImage image) {
        return image instanceof NamedImage named
                ? images.contains(named)
                : settings.images().contains(image);
    }

    private Optional<String> userOf(NamedImage image) {
        return list().stream()
                .map(Machine::template)
                .filter(template -> template.image().equals(image))
                .map(VMTemplate::name)
                .findFirst();
    }

    Settings settings() {
        return settings;
    }

    VirtualTime time() {
        return settings.time();
    }

    FaultPlan faults() {
        return faults;
    }

    ExecScript.Book scripts() {
        return scripts;
    }

    /** A launch begins to leave things on the host. */
    synchronized void begin(UUID vm, String name, FakeHypervisor program, boolean detached) {
        remains.put(vm, new Remains(name, program, detached));
    }

    /** A launch has made something. */
    synchronized void made(UUID vm, String thing) {
        remains(vm).things.add(thing);
    }

    /** Something that was made is gone. */
    synchronized void removed(UUID vm, String thing) {
        remains(vm).things.remove(thing);
    }

    /** What a launch under way has made; if its program was killed, another may have reaped that. */
    private Remains remains(UUID vm) {
        Remains of = remains.get(vm);
        if (of == null) {
            throw new HypervisorUnavailableException(
                    "The program was killed during this launch", FailureContext.of("launch"));
        }
        return of;
    }

    /** Takes the lowest address that is free. */
    synchronized NetworkAttachment reserve(UUID vm) {
        Remains of = remains(vm);
        Cidr subnet = settings.subnet();
        int index = addresses.nextClearBit(FIRST_VM);
        int last = subnet.last().bits() - subnet.base().bits() - 1;
        if (index > last) {
            throw addressesUsedUp(of.name);
        }
        addresses.set(index);
        of.address = index;
        IPv4Address address = IPv4Address.ofBits(subnet.base().bits() + index);
        of.things.add("address " + address);
        IPv4Address gateway = IPv4Address.ofBits(subnet.base().bits() + 1);
        return new NetworkAttachment.Builder()
                .mac(mac(address))
                .address(address)
                .subnet(subnet)
                .gateway(gateway)
                .addResolver(gateway)
                .addHostAddress(gateway)
                .build();
    }

    HostNotReadyException addressesUsedUp(String name) {
        return new HostNotReadyException(
                "All addresses of the network " + settings.subnet() + " are reserved. Close VMs, call reap() for those"
                        + " whose programs died, or use another network",
                FailureContext.of("reserve address").vm(name).retryable(true));
    }

    /** What the host makes of a limit; refuses one that is required where it cannot. */
    BandwidthLimit possible(BandwidthLimit wanted, String name) {
        if (settings.shaping() || wanted.isUnlimited()) {
            return wanted;
        }
        if (wanted.isRequired()) {
            throw new HostNotReadyException(
                    NO_SHAPING, FailureContext.of("check the host").vm(name));
        }
        return BandwidthLimit.unlimited();
    }

    private static MacAddress mac(IPv4Address address) {
        int bits = address.bits();
        return MacAddress.of(String.format(
                "52:54:%02x:%02x:%02x:%02x", bits >>> 24, bits >>> 16 & 0xff, bits >>> 8 & 0xff, bits & 0xff));
    }

    /**
     * Makes a VM visible under its name.
     *
     * @return whether the name was free
     */
    synchronized boolean define(Machine machine) {
        Remains of = remains(machine.id());
        return domains.putIfAbsent(of.name, machine) == null && of.things.add("domain " + of.name);
    }

    synchronized Optional<Machine> find(String name) {
        return Optional.ofNullable(domains.get(name)).filter(machine -> !machine.isGone());
    }

    synchronized List<Machine> list() {
        return domains.values().stream().filter(machine -> !machine.isGone()).toList();
    }

    /** Removes all that a VM has. */
    synchronized void remove(Machine machine) {
        domains.remove(machine.template().name(), machine);
        remove(machine.id());
    }

    /** Removes all that a launch made. */
    synchronized void remove(UUID vm) {
        Remains gone = remains.remove(vm);
        if (gone != null && gone.address >= 0) {
            addresses.clear(gone.address);
        }
    }

    /** A program died: its attached VMs go with it, and all else stays. */
    void abandon(FakeHypervisor program) {
        List<Machine> gone = new ArrayList<>();
        synchronized (this) {
            for (Machine machine : List.copyOf(domains.values())) {
                Remains of = remains.get(machine.id());
                if (of != null && of.program == program && !of.detached) {
                    domains.remove(of.name);
                    of.things.remove("domain " + of.name);
                    gone.add(machine);
                }
            }
        }
        for (Machine machine : gone) {
            machine.stop("its domain stopped (destroyed)");
            program.forget(machine);
        }
    }

    /** Removes what programs that died have left, and VMs past their times, unless it is only to say so. */
    List<String> reap(boolean dryRun) {
        List<String> removed = new ArrayList<>();
        Map<Machine, String> ended = new LinkedHashMap<>();
        synchronized (this) {
            for (Machine machine : domains.values()) {
                machine.overdue().ifPresent(why -> {
                    ended.put(machine, why);
                    removed.add("domain " + machine.template().name() + " (" + machine.id() + "): " + why);
                });
            }
            for (UUID vm : List.copyOf(remains.keySet())) {
                Remains of = remains.get(vm);
                if (of == null || of.program.isAlive()) {
                    continue;
                }
                Optional<Machine> machine = Optional.ofNullable(domains.get(of.name))
                        .filter(domain -> domain.id().equals(vm));
                if (of.detached && machine.filter(Machine::isLaunched).isPresent()) {
                    continue;
                }
                of.things.forEach(thing -> removed.add(thing + " (" + vm + "): its program is gone"));
                machine.ifPresent(domain -> ended.put(domain, "its program is gone"));
                if (!dryRun) {
                    remove(vm);
                }
            }
        }
        if (!dryRun) {
            ended.forEach(Machine::die);
        }
        return removed;
    }

    /** Everything that VMs have on the host. */
    synchronized List<String> things() {
        return remains.values().stream().flatMap(of -> of.things.stream()).toList();
    }

    AgentVMException unreachable(String operation, String name) {
        return new HypervisorUnavailableException(
                "The connection to the hypervisor was lost",
                FailureContext.of(operation).vm(name).retryable(true));
    }
}
