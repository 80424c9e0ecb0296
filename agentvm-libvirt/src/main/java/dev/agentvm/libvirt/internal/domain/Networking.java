package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.network.AddressPool;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.ManagedNetwork;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.network.NwfilterEnforcer;
import dev.agentvm.libvirt.internal.network.PolicyEnforcer;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
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
        AddressPool pool = new AddressPool(libvirt.withUndo(() -> release(vm)));
        return network.attach(pool.reserve(network, vm), host);
    }

    /** Makes a policy ready; one that is defined after the caller gave up is removed. */
    PolicyEnforcer.Prepared prepare(UUID vm, NetworkPolicy policy, Attached attached) {
        return new NwfilterEnforcer(libvirt.withUndo(() -> enforcer.remove(vm)), host).prepare(vm, policy, attached);
    }

    /** Finds the policy in force on the VM's tap, or throws. */
    void verify(UUID vm, NetworkPolicy policy, Attached attached) {
        enforcer.verify(vm, tap(vm), policy, attached);
    }

    /** Gives a VM's place back. */
    void release(UUID vm) {
        addresses.release(vm);
    }

    /** The name of a VM's end on the host: at most 15 characters, which is all that Linux allows. */
    static String tap(UUID vm) {
        return TAP_PREFIX + vm.toString().replace("-", "").substring(0, TAP_ID_DIGITS);
    }

    /** How the VM of a running domain is attached, as far as its card and the network it is on tell. */
    Optional<NetworkAttachment> attachment(DomainXml domain) {
        return domain.devices.interfaces.stream()
                .flatMap(card -> attachment(card).stream())
                .findFirst();
    }

    private Optional<NetworkAttachment> attachment(DomainXml.Interface card) {
        if (card.mac == null || card.mac.address == null || card.source == null || card.source.network == null) {
            return Optional.empty();
        }
        String name = card.source.network;
        return AddressPool.Reservation.of(name, MacAddress.of(card.mac.address))
                .flatMap(reservation -> ManagedNetwork.find(libvirt, name)
                        .filter(network -> network.subnet().contains(reservation.address()))
                        .map(network -> network.attach(reservation, host).vm()));
    }
}
