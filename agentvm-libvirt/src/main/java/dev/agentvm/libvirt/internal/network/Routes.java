package dev.agentvm.libvirt.internal.network;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads the kernel's tables of routes. */
final class Routes {
    static final Cidr LOOPBACK = Cidr.of("127.0.0.0/8");

    private static final Pattern LEAF = Pattern.compile("\\|-- ([0-9.]+)");
    private static final Pattern LOCAL = Pattern.compile("/32 host LOCAL");

    private static final String TABLE = "/proc/net/route";
    private static final int FIELDS = 8;

    private Routes() {}

    /** A route to somewhere else than everywhere; {@code direct} without a router between. */
    record Route(Cidr destination, String device, boolean direct) {}

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

    /** The routes of that host, those to everywhere left out. */
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

    /** The single addresses that the kernel takes for its own, from {@code /proc/net/fib_trie}. */
    static Set<IPv4Address> localAddresses(String trie) {
        TreeSet<IPv4Address> addresses = new TreeSet<>();
        String leaf = "";
        for (String line : trie.lines().toList()) {
            Matcher matcher = LEAF.matcher(line);
            if (matcher.find()) {
                leaf = matcher.group(1);
            } else if (LOCAL.matcher(line).find()) {
                addresses.add(IPv4Address.of(leaf));
            }
        }
        return addresses;
    }
}
