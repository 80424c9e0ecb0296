package dev.agentvm.network;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Writes a policy out as a table that a reviewer can read and sign. */
final class Explanation {
    private static final int RANGES_PER_ROW = 3;

    private final NetworkPolicy policy;
    private final List<String[]> rows = new ArrayList<>();

    Explanation(NetworkPolicy policy) {
        this.policy = policy;
    }

    String text() {
        rows.add(new String[] {"verdict", "what", "where", "why"});
        row("ALLOW", "dhcp", "the gateway", "the VM asks for its address");
        if (policy.nameResolution()) {
            row("ALLOW", "dns (udp, tcp 53)", "the network's resolver", "names are resolved there and nowhere else");
        }
        policy.sortedRules().forEach(this::rule);
        row(
                "ALLOW",
                "udp to the VM",
                policy.nameResolution() ? "from the gateway, port 53-67" : "from the gateway, port 67",
                "answers of the gateway's services");
        row("ALLOW", "icmp to the VM", "from the gateway", "the gateway may ping the VM");
        policy.connectionLimit()
                .ifPresent(limit -> row("REFUSE", "tcp", "beyond " + limit + " connections", "the connection limit"));
        for (FloorClause clause : FloorClause.values()) {
            floor(clause);
        }
        if (policy.denied() == DenyAction.REJECT) {
            row("REFUSE", "all other tcp", "the public Internet", "no rule allows it");
            if (policy.rules().stream().anyMatch(rule -> rule.protocol() == Protocol.ICMP_ECHO)) {
                row("REFUSE", "all other icmp, less errors", "wherever ping is allowed", "no rule allows it");
            }
        }
        row("DROP", "everything else", "anywhere", "no rule allows it");
        return table();
    }

    private void rule(FilterRule rule) {
        String what = rule.protocol() == Protocol.ICMP_ECHO
                ? policy.denied() == DenyAction.DROP ? "ping (all icmp: layer 2 cannot tell types apart)" : "ping"
                : rule.protocol().name().toLowerCase(Locale.ROOT) + " "
                        + rule.ports().stream().map(PortRange::toString).collect(Collectors.joining(","));
        if (rule.destinations().isEmpty()) {
            row("ALLOW", what, "the public Internet", rule.reason());
        }
        for (Cidr destination : rule.destinations()) {
            boolean floor = FilterRule.insideFloor(destination);
            row(floor ? "ALLOW (!) OPENS THE FLOOR" : "ALLOW", what, destination.toString(), rule.reason());
        }
    }

    private void floor(FloorClause clause) {
        String what = "floor: " + clause.name().toLowerCase(Locale.ROOT);
        if (clause.ranges().isEmpty()) {
            row("DROP", what, "-", clause.reason());
        }
        for (int i = 0; i < clause.ranges().size(); i += RANGES_PER_ROW) {
            List<Cidr> some = clause.ranges()
                    .subList(i, Math.min(i + RANGES_PER_ROW, clause.ranges().size()));
            row("DROP", what, some.stream().map(Cidr::toString).collect(Collectors.joining(" ")), clause.reason());
        }
    }

    private void row(String verdict, String what, String where, String why) {
        rows.add(new String[] {verdict, what, where, why});
    }

    private String table() {
        int[] width = new int[3];
        for (String[] row : rows) {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], row[i].length());
            }
        }
        String form = "%-" + width[0] + "s | %-" + width[1] + "s | %-" + width[2] + "s | %s\n";
        return rows.stream().map(row -> String.format(form, (Object[]) row)).collect(Collectors.joining());
    }
}
