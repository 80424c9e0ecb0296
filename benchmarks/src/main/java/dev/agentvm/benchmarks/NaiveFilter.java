package dev.agentvm.benchmarks;

import dev.agentvm.libvirt.internal.xml.FilterXml;
import dev.agentvm.libvirt.internal.xml.FilterXml.Action;
import dev.agentvm.libvirt.internal.xml.FilterXml.Direction;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The filter that one writes who goes by the text of the policy: {@link NetworkPolicy#agentDefault()} with every
 * reserved range written out, from the VM and to the VM at layer 2 and once more at layer 3, a rule for each thing that
 * is checked, and no {@code state}, so that libvirt makes up to three rules of one at layer 3. It keeps to the same
 * policy as the library's own filter, and is what that one's cost is compared with.
 *
 * <p>69 rules, if all addresses of the host lie within the reserved ranges: 25 at layer 2 from the VM, 21 at layer 2 to
 * it, 23 at layer 3. Each further address of the host is one more in all three places.
 */
final class NaiveFilter {
    private static final String BROADCAST = "255.255.255.255";
    private static final String UNSPECIFIED = "0.0.0.0";
    private static final int ECHO_REQUEST = 8;
    private static final int FIRST_PRIORITY = -1000;
    private static final List<Integer> TCP_PORTS = List.of(22, 80, 443, 9418);

    private final FilterXml filter = new FilterXml();
    private final String mac;
    private final String address;
    private final String gateway;
    private final String gatewayMac;
    private final List<Cidr> closed;
    private int priority = FIRST_PRIORITY;

    private NaiveFilter(String name, UUID id, NetworkAttachment vm, String gatewayMac) {
        filter.name = name;
        filter.uuid = id.toString();
        filter.chain = "root";
        this.mac = vm.mac().toString();
        this.address = vm.address().toString();
        this.gateway = vm.gateway().orElseThrow().toString();
        this.gatewayMac = gatewayMac;
        this.closed = closed(vm);
    }

    /**
     * The filter.
     *
     * @param name its name
     * @param id its UUID
     * @param vm whom it binds; with a gateway
     * @param gatewayMac the gateway's MAC address
     */
    static FilterXml render(String name, UUID id, NetworkAttachment vm, String gatewayMac) {
        NaiveFilter naive = new NaiveFilter(name, id, vm, gatewayMac);
        naive.fromVM();
        naive.toVM();
        naive.layer3();
        return naive.filter;
    }

    private static List<Cidr> closed(NetworkAttachment vm) {
        List<Cidr> closed = new ArrayList<>(FloorClause.closedRanges());
        for (IPv4Address host : vm.hostAddresses()) {
            if (FloorClause.ofDestination(host).isEmpty()) {
                closed.add(Cidr.single(host));
            }
        }
        return closed;
    }

    private void fromVM() {
        FilterXml.Mac otherMac = new FilterXml.Mac();
        otherMac.positive = false;
        otherMac.srcMacAddr = mac;
        add(Action.DROP, Direction.OUT, otherMac);
        add(Action.ACCEPT, Direction.OUT, arp(mac, address));
        add(Action.ACCEPT, Direction.OUT, arp(mac, UNSPECIFIED));
        FilterXml.Ip request = frame("udp", 68, 67);
        request.srcIpAddr = UNSPECIFIED;
        request.dstIpAddr = BROADCAST;
        add(Action.ACCEPT, Direction.OUT, request);
        FilterXml.Ip renewal = frame("udp", 68, 67);
        renewal.srcIpAddr = address;
        renewal.dstIpAddr = gateway;
        add(Action.ACCEPT, Direction.OUT, renewal);
        FilterXml.Ip otherAddress = new FilterXml.Ip();
        otherAddress.positive = false;
        otherAddress.srcIpAddr = address;
        add(Action.DROP, Direction.OUT, otherAddress);
        for (String protocol : List.of("udp", "tcp")) {
            FilterXml.Ip question = frame(protocol, null, 53);
            question.dstIpAddr = gateway;
            add(Action.ACCEPT, Direction.OUT, question);
        }
        for (Cidr range : closed) {
            FilterXml.Ip ip = new FilterXml.Ip();
            ip.dstIpAddr = range.base().toString();
            ip.dstIpMask = Integer.toString(range.prefixLength());
            add(Action.DROP, Direction.OUT, ip);
        }
        add(Action.ACCEPT, Direction.OUT, frame("tcp", null, null));
        add(Action.ACCEPT, Direction.OUT, frame("icmp", null, null));
        add(Action.DROP, Direction.OUT, new FilterXml.Mac());
    }

    private void toVM() {
        add(Action.ACCEPT, Direction.IN, arp(gatewayMac, gateway));
        FilterXml.Ip lease = frame("udp", 67, 68);
        lease.srcIpAddr = gateway;
        add(Action.ACCEPT, Direction.IN, lease);
        for (String protocol : List.of("udp", "tcp")) {
            FilterXml.Ip answer = answer(protocol, 53);
            answer.srcIpAddr = gateway;
            add(Action.ACCEPT, Direction.IN, answer);
        }
        for (Cidr range : closed) {
            FilterXml.Ip ip = new FilterXml.Ip();
            ip.srcIpAddr = range.base().toString();
            ip.srcIpMask = Integer.toString(range.prefixLength());
            add(Action.DROP, Direction.IN, ip);
        }
        add(Action.ACCEPT, Direction.IN, answer("tcp", null));
        add(Action.ACCEPT, Direction.IN, answer("icmp", null));
        add(Action.DROP, Direction.IN, new FilterXml.Mac());
    }

    private void layer3() {
        FilterXml.Udp lease = new FilterXml.Udp();
        lease.srcPortStart = "68";
        lease.dstPortStart = "67";
        add(Action.ACCEPT, Direction.OUT, lease);
        FilterXml.Udp question = new FilterXml.Udp();
        question.dstIpAddr = gateway;
        question.dstPortStart = "53";
        add(Action.ACCEPT, Direction.OUT, question);
        FilterXml.Tcp longQuestion = new FilterXml.Tcp();
        longQuestion.dstIpAddr = gateway;
        longQuestion.dstPortStart = "53";
        add(Action.ACCEPT, Direction.OUT, longQuestion);
        for (Cidr range : closed) {
            FilterXml.All all = new FilterXml.All();
            all.dstIpAddr = range.base().toString();
            all.dstIpMask = Integer.toString(range.prefixLength());
            add(Action.DROP, Direction.OUT, all);
        }
        for (int port : TCP_PORTS) {
            FilterXml.Tcp tcp = new FilterXml.Tcp();
            tcp.dstPortStart = Integer.toString(port);
            add(Action.ACCEPT, Direction.OUT, tcp);
        }
        FilterXml.Icmp ping = new FilterXml.Icmp();
        ping.type = Integer.toString(ECHO_REQUEST);
        add(Action.ACCEPT, Direction.OUT, ping);
        add(Action.REJECT, Direction.OUT, new FilterXml.All());
    }

    private static FilterXml.Arp arp(String sourceMac, String sender) {
        FilterXml.Arp arp = new FilterXml.Arp();
        arp.srcMacAddr = sourceMac;
        arp.arpSrcMacAddr = sourceMac;
        arp.arpSrcIpAddr = sender;
        return arp;
    }

    private static FilterXml.Ip frame(
            String protocol, @Nullable Integer sourcePort, @Nullable Integer destinationPort) {
        FilterXml.Ip ip = new FilterXml.Ip();
        ip.protocol = protocol;
        ip.srcPortStart = sourcePort == null ? null : sourcePort.toString();
        ip.dstPortStart = destinationPort == null ? null : destinationPort.toString();
        return ip;
    }

    private FilterXml.Ip answer(String protocol, @Nullable Integer sourcePort) {
        FilterXml.Ip ip = frame(protocol, sourcePort, null);
        ip.srcMacAddr = gatewayMac;
        ip.dstIpAddr = address;
        return ip;
    }

    private void add(Action action, Direction direction, FilterXml.Match match) {
        filter.entries.add(FilterXml.Rule.of(action, direction, priority++, match));
    }
}
