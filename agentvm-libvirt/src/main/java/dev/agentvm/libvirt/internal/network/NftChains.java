package dev.agentvm.libvirt.internal.network;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The chains of nftables, as {@code nft list chains} prints them.
 *
 * @param tables the tables that hold chains, each as {@code FAMILY NAME}
 * @param droppingForward the chains through which all goes that the host forwards, and which drop what they do not
 *     accept, each as {@code FAMILY TABLE CHAIN}; less that of iptables, whose rules nftables keeps too
 * @param beforeTracking the chains through which all goes that comes in, before its connection is looked up; in the same
 *     form, and less that of iptables
 */
record NftChains(List<String> tables, List<String> droppingForward, List<String> beforeTracking) {
    private static final Pattern TABLE = Pattern.compile("table (\\S+ \\S+) \\{");
    private static final Pattern CHAIN = Pattern.compile("\\s+chain (\\S+) \\{");
    private static final Pattern FORWARD = Pattern.compile("\\s+type filter hook forward .*policy drop;.*");
    /** Connections are looked up at -200; {@code raw} is -300. */
    private static final Pattern EARLY =
            Pattern.compile("\\s+type filter hook prerouting priority (raw\\b|-[2-9]\\d\\d|-\\d{4}).*");

    private static final List<String> IPTABLES = List.of("ip filter FORWARD", "ip raw PREROUTING");

    /** Those of a host, if they can be seen. */
    static Optional<NftChains> of(HostView host) {
        return host.run("nft", "list", "chains").map(NftChains::parse);
    }

    static NftChains parse(String printed) {
        List<String> tables = new ArrayList<>();
        List<String> dropping = new ArrayList<>();
        List<String> early = new ArrayList<>();
        String table = "";
        String chain = "";
        for (String line : printed.lines().toList()) {
            Matcher start = TABLE.matcher(line);
            Matcher next = CHAIN.matcher(line);
            if (start.matches()) {
                table = start.group(1);
                tables.add(table);
            } else if (next.matches()) {
                chain = table + " " + next.group(1);
            } else if ((table.startsWith("ip ") || table.startsWith("inet ")) && !IPTABLES.contains(chain)) {
                if (FORWARD.matcher(line).matches()) {
                    dropping.add(chain);
                } else if (EARLY.matcher(line).matches()) {
                    early.add(chain);
                }
            }
        }
        return new NftChains(List.copyOf(tables), List.copyOf(dropping), List.copyOf(early));
    }

    /** Whether there is a table of that name, of whatever family. */
    boolean hasTable(String name) {
        return tables.stream().anyMatch(table -> table.endsWith(" " + name));
    }
}
