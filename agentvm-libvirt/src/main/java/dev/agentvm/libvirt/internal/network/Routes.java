package dev.agentvm.libvirt.internal.network;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads the kernel's tables of routes. */
final class Routes {
    static final Cidr LOOPBACK = Cidr.of("127.0.0.0/8");

    private static final Pattern HEADING = Pattern.compile("(?:Id )?(\\w+):");
    private static final Pattern LEAF = Pattern.compile("\\|-- ([0-9.]+)");
    private static final Pattern ENTRY = Pattern.compile("/(\\d+) \\S+ (LOCAL|BROADCAST|UNICAST)");
    private static final Set<String> KNOWN_BY_DEVICE = Set.of("Main", "Local");

    /** The main table, with devices. */
    private static final String TABLE = "/proc/net/route";
    /** All tables, without devices. */
    private static final String TABLES = "/proc/net/fib_trie";

    private static final int FIELDS = 8;

    private Routes() {}

    /** A route to somewhere else than everywhere; {@code direct} without a router between. */
    record Route(Cidr destination, String device, boolean direct) {}

    /** An entry of one of the kernel's tables, whose own are {@code Main} and {@code Local}. */
    record Entry(String table, Cidr destination, boolean local) {}

    /**
     * The routes in the form of {@code /proc/net/route}: a table with a heading, addresses as hexadecimal numbers in the
     * byte order of the machine, which is little-endian on every machine that this library supports.
     */
    static List<Route> parse(String table) {
        List<Route> routes = new ArrayList<>();
        for (String line : table.lines().skip(1).toList()) {
            String[] fields = line.strip().split("\\s+");
            if (fields.length < FIELDS) {
                continue;
            }
            IPv4Address base = address(fields[1]);
            int prefixLength = Integer.bitCount(address(fields[7]).bits());
            if (prefixLength > 0) {
                routes.add(new Route(
                        Cidr.of(base, prefixLength),
                        fields[0],
                        address(fields[2]).bits() == 0));
            }
        }
        return routes;
    }

    private static IPv4Address address(String hex) {
        try {
            return IPv4Address.ofBits(Integer.reverseBytes(Integer.parseUnsignedInt(hex, 16)));
        } catch (NumberFormatException e) {
            throw new InvalidValueException("route", hex, "must be eight hexadecimal digits");
        }
    }

    /** The routes of that host's main table, those to everywhere left out. */
    static List<Route> of(HostView host) {
        return parse(host.read(TABLE).orElse(""));
    }

    /** The routers that the host sends to. */
    static Set<IPv4Address> gateways(HostView host) {
        return host.read(TABLE).stream()
                .flatMap(table -> table.lines().skip(1))
                .map(line -> line.strip().split("\\s+"))
                .filter(fields -> fields.length >= FIELDS)
                .map(fields -> address(fields[2]))
                .filter(gateway -> gateway.bits() != 0)
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Whether the kernel lets packets that come by that interface reach 127.0.0.0/8. */
    static boolean loopbackRouted(HostView host, String device) {
        return Stream.of("all", device)
                .anyMatch(name -> host.read("/proc/sys/net/ipv4/conf/" + name + "/route_localnet")
                        .filter("1"::equals)
                        .isPresent());
    }

    /**
     * What the kernel takes for its own, in whichever table: broadcast addresses of its subnets too, which it answers to
     * whichever interface a packet comes by. All addresses at once are left out: in a table of its own
     * that is how a transparent proxy takes in what a mark sends there, and says nothing of any one address.
     */
    static Set<Cidr> local(HostView host) {
        return entries(host).filter(Entry::local).map(Entry::destination).collect(Collectors.toUnmodifiableSet());
    }

    /** The routes of other tables than the main one, as VPNs have them, those to everywhere left out. */
    static List<Entry> besideMain(HostView host) {
        return entries(host)
                .filter(entry -> !entry.local() && !KNOWN_BY_DEVICE.contains(entry.table()))
                .toList();
    }

    private static Stream<Entry> entries(HostView host) {
        return host.read(TABLES).stream().flatMap(trie -> parseTrie(trie).stream());
    }

    /** The entries in the form of {@code /proc/net/fib_trie}, those of everything left out. */
    static List<Entry> parseTrie(String trie) {
        List<Entry> entries = new ArrayList<>();
        String table = "";
        String leaf = "";
        for (String line : trie.lines().toList()) {
            Matcher heading = HEADING.matcher(line);
            Matcher next = LEAF.matcher(line);
            Matcher entry = ENTRY.matcher(line);
            if (heading.matches()) {
                table = heading.group(1);
            } else if (next.find()) {
                leaf = next.group(1);
            } else if (entry.find() && !entry.group(1).equals("0")) {
                Cidr destination = Cidr.of(IPv4Address.of(leaf), Integer.parseInt(entry.group(1)));
                entries.add(new Entry(table, destination, !entry.group(2).equals("UNICAST")));
            }
        }
        return entries;
    }
}
