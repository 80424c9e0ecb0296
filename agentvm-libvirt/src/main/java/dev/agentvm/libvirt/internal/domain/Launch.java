package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.libvirt.internal.connection.CreateFlag;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.nativeaccess.UserId;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.CallerBridge;
import dev.agentvm.libvirt.internal.network.FilterRenderer;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.network.PolicyEnforcer;
import dev.agentvm.libvirt.internal.seed.NoCloudSeed;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.FirmwareVariables;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.storage.Seeds;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sequence of one launch. What is about to be made is announced in the journal first; if a step fails, all that was
 * announced is removed again, last first.
 */
final class Launch {
    private static final Logger LOG = LoggerFactory.getLogger(Launch.class);
    private static final Duration LEASE_POLL = Duration.ofMillis(50);

    private final LibvirtHost host;
    private final Parts parts;
    private final VMTemplate template;
    private final LaunchOptions options;
    private final DomainRef domain;
    private final long start = System.nanoTime();
    private final List<String> warnings = new ArrayList<>();
    /** When its domain was first created; empty until then. A reset does not prolong its life. */
    private volatile @Nullable Instant birth;

    private final VMEventSource events;

    private LaunchStep current = LaunchStep.HOST_CHECKED;

    Launch(LibvirtHost host, VMTemplate template, LaunchOptions options) {
        this.host = host;
        this.parts = host.parts();
        this.template = template;
        this.options = options;
        this.domain = new DomainRef(UUID.randomUUID(), template.name());
        this.events = VMEventSource.ofLaunch(
                parts.events(),
                parts.clock(),
                new VMIdentity.Builder()
                        .id(domain.uuid())
                        .name(domain.name())
                        .owner(parts.journals().ownerId())
                        .labels(template.labels())
                        .build(),
                template.networkMode().equals(NetworkMode.ISOLATED)
                        ? Optional.empty()
                        : Optional.of(template.networkPolicy()));
    }

    /** Runs all steps. */
    LibvirtVM run() {
        try {
            Prepared prepared = check();
            Ledger ledger =
                    new Ledger(parts.journals().begin(domain.uuid(), domain.name(), options.detached()), List.of());
            try {
                return launch(prepared, ledger);
            } catch (RuntimeException | Error e) {
                host.undo(domain.uuid(), ledger, e);
                throw e;
            }
        } catch (AgentVMException e) {
            AgentVMException failure = e.during("Launch of '" + domain.name() + "' at " + current);
            events.launchFailed(String.valueOf(failure.getMessage()));
            throw failure;
        } catch (RuntimeException | Error e) {
            events.launchFailed("Launch of '" + domain.name() + "' at " + current + ": " + e);
            throw e;
        }
    }

    /** Nothing is made before the host, the image and the name are known to be good. */
    private Prepared check() {
        begin(LaunchStep.HOST_CHECKED);
        BootSource boot = parts.images().resolve(template.image());
        Requirements.Met met = parts.requirements().check(template);
        if (boot.isUefi()) {
            parts.requirements().checkUefi(template.name());
        }
        warnings.addAll(met.warnings());
        if (parts.libvirt().domains().lookup(template.name()).isPresent()) {
            throw new VMAlreadyExistsException(
                    "A domain named '" + template.name() + "' exists already; choose another name or destroy that VM",
                    FailureContext.of("launch").vm(template.name()));
        }
        done();
        return new Prepared(boot, met.bandwidth());
    }

    private LibvirtVM launch(Prepared prepared, Ledger ledger) {
        Optional<Place> place = place(ledger);
        begin(LaunchStep.DISK_MADE);
        ledger.announce(Resource.VOLUME, parts.volumes().name(), Overlays.volumeName(domain.uuid()));
        VMDisk disk = new Overlays(parts.volumes())
                .create(domain.uuid(), prepared.boot(), template.resources().diskGiB());
        Optional<Volume> variables = prepared.boot().isUefi() ? Optional.of(variables(ledger)) : Optional.empty();
        Optional<Volume> seed = template.cloudInit().map(wanted -> seed(wanted, place.map(Place::mac), ledger));
        done();
        Optional<Card> card =
                place.map(where -> card(where, prepared.bandwidth().limit(), ledger));

        LibvirtVM vm = host.register(
                new LibvirtVM.Identity(domain, template.labels(), warnings, !options.detached()), events, ledger);
        vm.bandwidth(prepared.bandwidth());
        try {
            begin(LaunchStep.DOMAIN_CREATED);
            ledger.announce(Resource.DOMAIN, domain.uuid().toString(), domain.name());
            Blueprint blueprint = new Blueprint(
                    domain,
                    prepared.boot(),
                    seed.isPresent(),
                    place.map(Place::mac),
                    options.timeout(),
                    own -> create(prepared.boot(), own, variables, seed, card.map(Card::plan)));
            blueprint.create().accept(disk);
            vm.openConsole();
            done();
            card.ifPresent(made -> {
                vm.watchTap(made.plan().mac());
                verify(vm, made);
                forgetConnections(vm);
            });
            begin(LaunchStep.RESUMED);
            parts.libvirt().domains().resume(domain);
            done();
            begin(LaunchStep.AGENT_READY);
            awaitAgent(vm);
            if (place.filter(where -> where.attached().isEmpty()).isPresent()) {
                learnAddress(vm);
            }
            Snapshots snapshots = keepFirst(vm, ledger, blueprint, disk);
            ledger.ready();
            done();
            complete(vm, snapshots);
            host.watch(vm, template);
            return vm;
        } catch (RuntimeException | Error e) {
            host.forget(vm);
            throw e;
        }
    }

    private void complete(LibvirtVM vm, Snapshots snapshots) {
        vm.launched(snapshots, new Standstill(host, vm), () -> {
            // From here on an end is cleaned up after by the host; one that came just before is found here.
            requireAlive(vm);
            events.launched(new VMLaunched.Builder()
                    .policy(vm.networkPolicy())
                    .attachment(vm.attachment())
                    .detached(options.detached())
                    .warnings(vm.warnings()));
        });
    }

    private Snapshots keepFirst(LibvirtVM vm, Ledger ledger, Blueprint blueprint, VMDisk disk) {
        Layers layers = new Layers(
                domain.uuid(),
                parts.volumes(),
                ledger,
                disk,
                template.resources().diskGiB());
        Snapshots snapshots = new Snapshots(host, vm, blueprint, new Return(host, vm, blueprint), layers, disk);
        if (options.resettable()) {
            snapshots.takeFirst();
        }
        return snapshots;
    }

    private Volume variables(Ledger ledger) {
        ledger.announce(Resource.VOLUME, parts.volumes().name(), FirmwareVariables.volumeName(domain.uuid()));
        return new FirmwareVariables(parts.volumes()).create(domain.uuid());
    }

    private Volume seed(CloudInit wanted, Optional<MacAddress> mac, Ledger ledger) {
        byte[] image = NoCloudSeed.image(domain.uuid(), domain.name(), mac, wanted);
        ledger.announce(Resource.VOLUME, parts.volumes().name(), Seeds.volumeName(domain.uuid()));
        return new Seeds(parts.volumes()).create(domain.uuid(), image);
    }

    private Optional<Place> place(Ledger ledger) {
        if (template.networkMode().equals(NetworkMode.ISOLATED)) {
            return Optional.empty();
        }
        return Optional.of(
                template.networkMode() instanceof NetworkMode.Bridge bridge
                        ? place(new CallerBridge(bridge), ledger)
                        : placeOnNetwork(ledger));
    }

    private Place placeOnNetwork(Ledger ledger) {
        begin(LaunchStep.NETWORK_READY);
        ManagedNetwork network = parts.networking().network();
        done();
        begin(LaunchStep.ADDRESS_RESERVED);
        ledger.announce(Resource.RESERVATION, domain.uuid().toString());
        Attached attached = parts.networking().reserve(network, domain.uuid());
        done();
        return new Place(
                new DomainPlan.Link.Network(network.name()), attached.vm().mac(), Optional.of(attached));
    }

    /** An address that is learnt is reserved when it is known; it is announced now, to be given back last. */
    private Place place(CallerBridge bridge, Ledger ledger) {
        begin(LaunchStep.NETWORK_READY);
        done();
        begin(LaunchStep.ADDRESS_RESERVED);
        ledger.announce(Resource.RESERVATION, domain.uuid().toString());
        NetworkMode.Bridge mode = bridge.mode();
        Optional<Attached> attached =
                mode.address().map(address -> parts.networking().reserve(bridge, address, domain.uuid()));
        done();
        return new Place(
                new DomainPlan.Link.Bridge(mode.name(), mode.resolvers(), attached.isEmpty()),
                CallerBridge.mac(domain.uuid()),
                attached);
    }

    private Card card(Place place, BandwidthLimit bandwidth, Ledger ledger) {
        begin(LaunchStep.POLICY_DEFINED);
        ledger.announce(Resource.FILTER, FilterRenderer.name(domain.uuid()));
        PolicyEnforcer.Prepared prepared = place.attached()
                .map(attached -> parts.networking().prepare(domain.uuid(), template.networkPolicy(), attached))
                .orElseGet(() -> parts.networking().prepareLearning(domain.uuid()));
        done();
        return new Card(
                new DomainPlan.Card(
                        place.mac(), place.link(), Networking.tap(domain.uuid()), prepared.filter(), bandwidth),
                place.attached().map(attached -> policy(attached, prepared)));
    }

    private PolicyInForce policy(Attached attached, PolicyEnforcer.Prepared prepared) {
        return PolicyInForce.of(parts.networking(), domain, attached, template.networkPolicy(), prepared);
    }

    /** From here on, while the guest boots too, the policy is kept up with the host: before, it was bound to no tap. */
    private void verify(LibvirtVM vm, Card card) {
        begin(LaunchStep.POLICY_VERIFIED);
        card.policy()
                .ifPresentOrElse(
                        policy -> {
                            policy.verify();
                            vm.policy(policy);
                        },
                        () -> parts.networking().verifyLearning(domain.uuid()));
        done();
    }

    /** Waits for the lease, and puts the policy in force for its address; until then the VM may only ask for one. */
    private void learnAddress(LibvirtVM vm) {
        CallerBridge bridge = new CallerBridge((NetworkMode.Bridge) template.networkMode());
        IPv4Address address = awaitLease(vm, bridge);
        Networking networking = parts.networking();
        Attached attached = networking.reserve(bridge, address, domain.uuid());
        PolicyEnforcer.Prepared policy = networking.update(domain.uuid(), template.networkPolicy(), attached);
        if (!policy.warnings().isEmpty()) {
            throw new HostNotReadyException(
                    String.join("; ", policy.warnings()),
                    FailureContext.of("launch").vm(domain.name()));
        }
        networking.verify(domain.uuid(), template.networkPolicy(), attached);
        vm.policy(policy(attached, policy));
    }

    private IPv4Address awaitLease(LibvirtVM vm, CallerBridge bridge) {
        while (true) {
            Optional<IPv4Address> address = parts.networking()
                    .leased(bridge, domain.uuid(), parts.clock().instant());
            if (address.isPresent()) {
                return address.get();
            }
            if (elapsed().compareTo(options.timeout()) > 0) {
                throw new OperationTimeoutException(
                        "No DHCP server on the bridge '" + bridge.mode().name() + "' gave the VM an address within "
                                + options.timeout().toSeconds()
                                + " s. Start one there, or say the address: NetworkMode.Bridge.withAddress",
                        FailureContext.of("launch").vm(domain.name()));
            }
            vm.awaitEnd(LEASE_POLL);
            requireAlive(vm);
        }
    }

    /** Each snapshot begins one more. */
    private int layersInMemory() {
        if (!parts.volumes().isInMemory()) {
            return 0;
        }
        return options.resettable() ? Snapshots.MOST_LAYERS + 1 : 1;
    }

    /** A creation whose caller gave up may still succeed, and is then undone. */
    private void create(
            BootSource boot,
            VMDisk disk,
            Optional<Volume> variables,
            Optional<Volume> seed,
            Optional<DomainPlan.Card> card) {
        Instant created = birth;
        if (created == null) {
            created = parts.clock().instant().truncatedTo(ChronoUnit.SECONDS);
            birth = created;
        }
        String xml = LibvirtXml.write(DomainRenderer.render(new DomainPlan(
                domain.uuid(),
                domain.name(),
                parts.requirements().accelerator(),
                parts.requirements().amd(),
                template.resources(),
                boot,
                disk,
                layersInMemory(),
                variables,
                seed,
                card,
                parts.journals().ownerId(),
                UserId.own(),
                template.labels(),
                created,
                template.timeToLive().map(created.plus(options.timeout())::plus))));
        Set<CreateFlag> flags = EnumSet.of(CreateFlag.START_PAUSED, CreateFlag.VALIDATE);
        if (variables.isPresent()) {
            flags.add(CreateFlag.RESET_NVRAM);
        }
        if (!options.detached()) {
            // libvirtd 9.0 crashes if it has to end a domain with its connection while it saves the domain's memory.
            if (options.resettable()) {
                host.guard().watch(domain.uuid());
            } else {
                flags.add(CreateFlag.AUTODESTROY);
            }
        }
        parts.libvirt()
                .withUndo(() -> parts.libvirt().domains().destroy(domain))
                .domains()
                .create(xml, flags);
    }

    /** Where this program may not, those of a VM that had the address before last two minutes at most. */
    private static void forgetConnections(LibvirtVM vm) {
        try {
            vm.forgetConnections();
        } catch (IOException e) {
            LOG.debug("the host may still keep track of connections of {}'s address", vm.name(), e);
        }
    }

    private void awaitAgent(LibvirtVM vm) {
        boolean heard = vm.awaitAgent(options.timeout().minus(elapsed()));
        requireAlive(vm);
        if (!heard) {
            throw new OperationTimeoutException(
                    "The guest agent did not answer within "
                            + options.timeout().toSeconds()
                            + " s. The image needs qemu-guest-agent on the channel " + DomainRenderer.AGENT_CHANNEL
                            + ". " + vm.serialTail(),
                    FailureContext.of("launch").vm(domain.name()));
        }
    }

    private void requireAlive(LibvirtVM vm) {
        vm.endReason().ifPresent(reason -> {
            throw new VMDestroyedException(
                    "The guest ended before its launch was complete (" + reason + "). " + vm.serialTail(),
                    FailureContext.of("launch").vm(domain.name()));
        });
    }

    private void begin(LaunchStep step) {
        current = step;
        host.requireOpen("launch");
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException(
                    "The launching thread was interrupted",
                    FailureContext.of("launch").vm(domain.name()));
        }
    }

    private void done() {
        events.step(current, elapsed());
        options.listener().ifPresent(listener -> listener.onStep(current, elapsed()));
    }

    private Duration elapsed() {
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /** What was found good before anything was made. */
    private record Prepared(BootSource boot, Requirements.Shaping bandwidth) {}

    /** A network card, and the policy that is ready for it, unless its address is still to be learnt. */
    private record Card(DomainPlan.Card plan, Optional<PolicyInForce> policy) {}

    /** Where the VM is attached; as whom, unless that is still to be learnt. */
    private record Place(DomainPlan.Link link, MacAddress mac, Optional<Attached> attached) {}
}
