package dev.agentvm.network;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The parts of the floor: what stays closed unless a rule names the address, and what stays closed always. The address
 * ranges are those that the IANA registry of special-purpose IPv4 addresses (RFC 6890 and its updates) calls not
 * globally reachable, class D and E, and what clouds serve to their machines at an address that looks public.
 */
public enum FloorClause {
    /** Only IPv4 and ARP pass; IPv6, VLAN tags and every other ethertype are closed. */
    NOT_IPV4("only IPv4 and ARP leave or reach the VM"),
    /** Only TCP, UDP and ICMP pass. */
    PROTOCOL("only TCP, UDP and ICMP leave or reach the VM"),
    /** The VM must use the addresses that it was given. */
    OWN_ADDRESS("the VM may use no address but its own"),
    /** Every address of the host, its gateways on other networks and those to which its subnets broadcast included. */
    HOST("the VM may not reach its host"),
    /** All other addresses of the VM's own network. No rule opens them: frames pass between the VM and its gateway only. */
    OTHER_VM("VMs may not reach each other"),
    /** RFC 1918: 10/8, 172.16/12 and 192.168/16. */
    PRIVATE("private networks are closed (RFC 1918)", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    /** RFC 6598: 100.64/10, used by carriers, VPNs and cloud services. */
    SHARED("shared address space is closed (RFC 6598)", "100.64.0.0/10"),
    /** RFC 3927: 169.254/16, where clouds serve their metadata. */
    LINK_LOCAL("link-local addresses, where clouds serve their metadata, are closed (RFC 3927)", "169.254.0.0/16"),
    /**
     * Azure's virtual public address 168.63.129.16, at which a machine gets its certificates and the settings of its
     * extensions.
     */
    METADATA("what a cloud serves to its machines at a public address is closed (Azure)", "168.63.129.16/32"),
    /** RFC 1122 loopback and "this network". */
    LOCAL("loopback and 'this network' are closed (RFC 1122)", "0.0.0.0/8", "127.0.0.0/8"),
    /** Documentation, benchmarking, protocol assignments. */
    SPECIAL(
            "ranges set aside for documentation, benchmarks and protocols are closed (RFC 6890)",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24"),
    /** Class D, class E and broadcast: 224/3. */
    MULTICAST_RESERVED("multicast, reserved and broadcast addresses are closed (RFC 1112)", "224.0.0.0/3"),
    /** Nobody starts a connection to the VM. */
    INBOUND("nobody may start a connection to the VM");

    private final String reason;

    private final List<Cidr> ranges;

    FloorClause(String reason, String... ranges) {
        this.reason = reason;
        this.ranges = Arrays.stream(ranges).map(Cidr::of).toList();
    }

    /** Why this is closed. */
    public String reason() {
        return reason;
    }

    /** The addresses that this clause closes, in rising order; empty for clauses that are not about fixed addresses. */
    public List<Cidr> ranges() {
        return ranges;
    }

    /** Whether no machine elsewhere can have an address of these ranges, so that no rule can open them. */
    boolean unreachable() {
        return this == LOCAL || this == MULTICAST_RESERVED;
    }

    /** The clause whose ranges hold {@code address}, or empty if it is a public address. */
    public static Optional<FloorClause> ofDestination(IPv4Address address) {
        return Arrays.stream(values())
                .filter(clause -> clause.ranges.stream().anyMatch(range -> range.contains(address)))
                .findFirst();
    }

    /** All addresses that are closed whatever the host's own addresses are, in rising order. */
    public static List<Cidr> closedRanges() {
        return Arrays.stream(values())
                .flatMap(clause -> clause.ranges.stream())
                .sorted()
                .toList();
    }
}
