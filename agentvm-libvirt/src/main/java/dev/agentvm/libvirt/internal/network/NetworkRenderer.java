package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.xml.MacAddressXml;
import dev.agentvm.libvirt.internal.xml.MetadataXml;
import dev.agentvm.libvirt.internal.xml.NetworkXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.libvirt.internal.xml.PortOptionsXml;
import dev.agentvm.network.IPv4Address;
import java.util.UUID;

/**
 * Writes the network of the VMs as libvirt's {@code <network>}.
 *
 * <ul>
 *   <li>No spanning tree and no delay: there are no loops, a guest cannot become the root bridge, and a guest's first
 *       packets pass at once.
 *   <li>Isolated ports: the kernel bridges no frame from one VM to another.
 *   <li>A MAC address that does not change, for the filters that name it.
 *   <li>No IPv6 address, so libvirt turns IPv6 off on the bridge.
 *   <li>The resolver knows no names of the host or of VMs, asks nobody for private ones, drops answers that lead into
 *       private networks, and keeps its answers below the size at which they would be cut into fragments.
 *   <li>Where only some domains may be looked up, each has its forwarders, and all other names get NXDOMAIN.
 *   <li>Each address has its DHCP entry from the start, for the MAC address that follows from it. A card with another
 *       MAC address gets none. Its lease has no end, so nothing is renewed: the address is the card's for as long as there
 *       is the card, and the filter needs no rule for renewals.
 * </ul>
 */
final class NetworkRenderer {
    /** The id in our mark: this network belongs to the library, not to one program. */
    static final String OWNER = "network";

    private static final int FIRST_NAT_PORT = 1024;
    private static final int LAST_NAT_PORT = 65535;

    private NetworkRenderer() {}

    static NetworkXml render(NetworkSettings settings, Subnet subnet, UUID uuid) {
        NetworkXml network = new NetworkXml();
        network.name = settings.name();
        network.uuid = uuid.toString();
        OwnerXml owner = new OwnerXml();
        owner.id = OWNER;
        network.metadata = MetadataXml.of(owner);
        network.forward = forward();
        network.bridge = bridge(settings.bridge());
        network.mac = MacAddressXml.of(Subnet.mac(subnet.gateway()).toString());
        network.dns = dns(settings);
        network.port = PortOptionsXml.isolated();
        network.ips.add(ip(subnet));
        network.dnsmasqOptions = new NetworkXml.DnsmasqOptions()
                .option("no-hosts")
                .option("dhcp-ignore-names")
                .option("dhcp-ignore=tag:!known")
                .option("bogus-priv")
                .option("stop-dns-rebind")
                .option("edns-packet-max=1232");
        if (!settings.domains().isEmpty()) {
            // What no forwarder is named for does not exist. Of the host's own servers dnsmasq would ask it all the
            // same.
            network.dnsmasqOptions.option("no-resolv").option("address=/#/");
        }
        return network;
    }

    private static NetworkXml.Forward forward() {
        NetworkXml.Forward forward = new NetworkXml.Forward();
        forward.mode = "nat";
        forward.nat = new NetworkXml.Nat();
        forward.nat.port = NetworkXml.PortRange.of(FIRST_NAT_PORT, LAST_NAT_PORT);
        return forward;
    }

    private static NetworkXml.Bridge bridge(String name) {
        NetworkXml.Bridge bridge = new NetworkXml.Bridge();
        bridge.name = name;
        bridge.stp = false;
        bridge.delay = 0L;
        return bridge;
    }

    private static NetworkXml.Dns dns(NetworkSettings settings) {
        NetworkXml.Dns dns = new NetworkXml.Dns();
        dns.forwardPlainNames = false;
        if (settings.domains().isEmpty()) {
            settings.resolvers()
                    .forEach(resolver -> dns.forwarders.add(NetworkXml.Forwarder.of(null, resolver.toString())));
        }
        for (String domain : settings.domains()) {
            settings.resolvers()
                    .forEach(resolver -> dns.forwarders.add(NetworkXml.Forwarder.of(domain, resolver.toString())));
        }
        return dns;
    }

    private static NetworkXml.Ip ip(Subnet subnet) {
        NetworkXml.Ip ip = new NetworkXml.Ip();
        ip.address = subnet.gateway().toString();
        ip.netmask = subnet.block().netmask().toString();
        ip.dhcp = new NetworkXml.Dhcp();
        NetworkXml.DhcpRange range = new NetworkXml.DhcpRange();
        range.start = subnet.firstVM().toString();
        range.end = subnet.lastVM().toString();
        ip.dhcp.ranges.add(range);
        for (IPv4Address address : subnet.vms()) {
            NetworkXml.DhcpHost host =
                    NetworkXml.DhcpHost.of(Subnet.mac(address).toString(), address.toString());
            host.lease = NetworkXml.Lease.forEver();
            ip.dhcp.hosts.add(host);
        }
        return ip;
    }
}
