package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.network.AddressPool;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.CallerBridge;
import dev.agentvm.libvirt.internal.network.HostAddresses;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.network.NwfilterEnforcer;
import dev.agentvm.libvirt.internal.network.PolicyEnforcer;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** The network of the VMs, and each VM's place on it. Safe for use by many threads. */
final class Networking {
    private static final String TAP_PREFIX = "avm";
    private static final int TAP_ID_DIGITS = 11;

    private final Libvirt libvirt;
    private final NetworkSettings settings;
    private final HostView host;
    private final AddressPool addresses;
    private final PolicyEnforcer enforcer;

    Networking(Libvirt libvirt, NetworkSettings settings, HostView host) {
        this.libvirt = libvirt;
        this.settings = settings;
        this.host = host;
        this.addresses = new AddressPool(libvirt);
        this.enforcer = new NwfilterEnforcer(libvirt, host);
    }

    /** The network, made at first use. */
    ManagedNetwork network() {
        return ManagedNetwork.ensure(libvirt, settings, host);
    }

    /** Takes a place on the network; one that is taken after the caller gave up is given back. */
    Attached reserve(ManagedNetwork network, UUID vm) {
        return network.attach(pool(vm).reserve(network, vm), host);
    }

    /** Takes the place of that address on a caller's bridge, in the same way. */
    Attached reserve(CallerBridge bridge, IPv4Address address, UUID vm) {
        Attached attached = bridge.attach(vm, address, host);
        pool(vm).reserve(bridge.mode(), address, vm);
        return attached;
    }

    private AddressPool pool(UUID vm) {
        return new AddressPool(libvirt.withUndo(() -> release(vm)));
    }

    /** The address that a DHCP server on that bridge has given the VM, if it has. */
    Optional<IPv4Address> leased(CallerBridge bridge, UUID vm, Instant now) {
        return bridge.leased(vm, host, now);
    }

    /** Makes a policy ready; one that is defined after the caller gave up is removed. */
    PolicyEnforcer.Prepared prepare(UUID vm, NetworkPolicy policy, Attached attached) {
        return undoing(vm).prepare(vm, policy, attached);
    }

    /** Makes ready that a VM learns its address, in the same way. */
    PolicyEnforcer.Prepared prepareLearning(UUID vm) {
        return undoing(vm).prepareLearning(vm, CallerBridge.mac(vm));
    }

    private PolicyEnforcer undoing(UUID vm) {
        return new NwfilterEnforcer(libvirt.withUndo(() -> enforcer.remove(vm)), host);
    }

    /** Puts a policy in force for a VM that runs. */
    PolicyEnforcer.Prepared update(UUID vm, NetworkPolicy policy, Attached attached) {
        return enforcer.update(vm, policy, attached);
    }

    /** What {@link #update} makes on the host as it is now, without making it. */
    PolicyEnforcer.Prepared expected(UUID vm, NetworkPolicy policy, Attached attached) {
        return enforcer.expected(vm, policy, attached);
    }

    /** A VM's place on the host as it is now, whose addresses were just read. */
    Attached now(Attached attached, HostAddresses hostAddresses) {
        return attached.on(host, hostAddresses);
    }

    /** All addresses of the host, as they are now. */
    HostAddresses hostAddresses() {
        return host.addresses();
    }

    /**
     * Removes the filter of a VM that is gone.
     *
     * @return whether it is gone
     */
    boolean removeIfGone(DomainRef domain) {
        if (libvirt.domains().state(domain).isPresent()) {
            return false;
        }
        enforcer.remove(domain.uuid());
        return true;
    }

    /** Finds that a VM may do nothing but learn its address, or throws. */
    void verifyLearning(UUID vm) {
        enforcer.verifyLearning(vm, tap(vm), CallerBridge.mac(vm));
    }

    /** Finds the policy in force on the VM's tap, or throws. */
    void verify(UUID vm, NetworkPolicy policy, Attached attached) {
        enforcer.verify(vm, tap(vm), policy, attached);
    }

    /** Whether there is a filter on the VM's tap, whichever it is. */
    boolean isFiltered(UUID vm) {
        return enforcer.isFiltered(tap(vm));
    }

    /** Gives a VM's place back. */
    void release(UUID vm) {
        addresses.release(vm);
    }

    /** The name of a VM's end on the host: at most 15 characters, which is all that Linux allows. */
    static String tap(UUID vm) {
        return TAP_PREFIX + vm.toString().replace("-", "").substring(0, TAP_ID_DIGITS);
    }

    /** How the VM of a running domain is attached, as far as its card, its filter and the network it is on tell. */
    Optional<Attached> attached(DomainXml domain) {
        return domain.devices.interfaces.stream()
                .flatMap(card -> attached(card, domain).stream())
                .findFirst();
    }

    private Optional<Attached> attached(DomainXml.Interface card, DomainXml domain) {
        if (card.mac == null || card.mac.address == null || card.source == null) {
            return Optional.empty();
        }
        String name = card.source.network;
        if (name == null) {
            // A card on a network names that network's bridge too, once it runs.
            return card.source.bridge != null && domain.uuid != null
                    ? onBridge(card, card.source.bridge, UUID.fromString(domain.uuid), Parts.mark(domain))
                    : Optional.empty();
        }
        return AddressPool.Reservation.of(name, MacAddress.of(card.mac.address))
                .flatMap(reservation -> ManagedNetwork.find(libvirt, name)
                        .filter(network -> network.subnet().contains(reservation.address()))
                        .map(network -> network.attach(reservation, host)));
    }

    /** The address that the VM is bound to stands in its reservation; a VM that is still learning it has none. */
    private Optional<Attached> onBridge(DomainXml.Interface card, String name, UUID vm, OwnerXml mark) {
        NetworkMode.Bridge mode = NetworkMode.bridge(name, mark.resolvers.toArray(String[]::new));
        return addresses
                .reserved(mode, vm)
                .map(address -> new CallerBridge(
                                DomainRenderer.isLearning(card) ? mode : mode.withAddress(address.toString()))
                        .describe(vm, address, host));
    }
}
