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

/** Reads the kernel's tables of routes. */
final class Routes {
    static final Cidr LOOPBACK = Cidr.of("127.0.0.0/8");

    private static final Pattern LEAF = Pattern.compile("\\|-- ([0-9.]+)");
    private static final Pattern LOCAL = Pattern.compile("/32 host LOCAL");

    private Routes() {}

    /** A route to somewhere else than everywhere. */
    record Route(Cidr destination, String device) {}

    /**
     * The routes in the form of {@code /proc/net/route}: a table with a heading, addresses as hexadecimal numbers in the
     * byte order of the machine, which is little-endian on every machine that this library supports.
     */
    static List<Route> parse(String table) {
        List<Route> routes = new ArrayList<>();
        for (String line : table.lines().skip(1).toList()) {
            String[] fields = line.strip().split("\\s+");
            if (fields.length < 8) {
                continue;
            }
            IPv4Address base = address(fields[1]);
            int prefixLength = Integer.bitCount(address(fields[7]).bits());
            if (prefixLength > 0) {
                routes.add(new Route(Cidr.of(base, prefixLength), fields[0]));
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
