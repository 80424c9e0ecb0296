package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.network.Finding.Severity;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Looks for rules that keep the kernel from tracking the connections of VMs. Layer 3 of a VM's filter judges packets by
 * their state, and libvirt has no word for those that have none: they pass it. Conditions of such a rule, other than the
 * interface, it takes for such as hold. It sees the rules as root, or not at all: then it warns.
 */
final class TrackingProbe {
    private static final String ID = "connection-tracking";
    private static final Pattern NOTRACK = Pattern.compile("-j (NOTRACK|CT .*--notrack)\\b");
    private static final Pattern NFT_NOTRACK = Pattern.compile("\\bnotrack\\b");
    private static final Pattern INTERFACE = Pattern.compile("(! )?-i (\\S+)");
    private static final Pattern NFT_INTERFACE = Pattern.compile("iifname (!= )?\"([^\"]+)\"");

    private final HostView host;
    private final String bridge;
    private final Optional<NftChains> chains;

    TrackingProbe(HostView host, String bridge, Optional<NftChains> chains) {
        this.host = host;
        this.bridge = bridge;
        this.chains = chains;
    }

    /** Whether what VMs on the bridge send and are sent is tracked; {@code otherwise} is what it means if not. */
    Finding check(Severity otherwise) {
        Optional<String> raw = host.run("iptables", "-w", "1", "-t", "raw", "-S");
        if (raw.isEmpty() && chains.isEmpty()) {
            return Finding.warning(
                    ID,
                    "whether a rule turns off connection tracking for VMs could not be seen (it takes root); if so, layer 3"
                            + " of their filters judges nothing",
                    "Run this check as root once, or look: sudo iptables -t raw -S; sudo nft list ruleset | grep notrack");
        }
        return raw.flatMap(this::inIptables)
                .map(rule -> found(otherwise, rule, "iptables -t raw -I PREROUTING -i " + bridge + " -j ACCEPT"))
                .or(() -> chains.stream()
                        .flatMap(all -> all.beforeTracking().stream())
                        .flatMap(chain -> inNftables(chain)
                                .map(rule -> found(
                                        otherwise, rule, "nft insert rule " + chain + " iifname " + bridge + " accept"))
                                .stream())
                        .findFirst())
                .orElseGet(() -> Finding.ok(ID, "no rule turns off connection tracking for VMs"));
    }

    private Finding found(Severity severity, String rule, String remedy) {
        return new Finding(
                ID,
                severity,
                "'" + rule
                        + "' turns off connection tracking, and layer 3 of the VMs' filters judges no packet that is not"
                        + " tracked",
                remedy);
    }

    private Optional<String> inIptables(String printed) {
        List<String> rules = printed.lines().toList();
        boolean spared = rules.stream()
                .filter(rule -> rule.startsWith("-A PREROUTING "))
                .takeWhile(rule -> rule.endsWith(" -j ACCEPT"))
                .anyMatch(("-A PREROUTING -i " + bridge + " -j ACCEPT")::equals);
        return rules.stream()
                .filter(rule -> !spared
                        && !rule.startsWith("-A OUTPUT ")
                        && NOTRACK.matcher(rule).find()
                        && concernsBridge(INTERFACE.matcher(rule)))
                .findFirst();
    }

    /** In the chain or in one that it may lead to. */
    private Optional<String> inNftables(String chain) {
        String[] name = chain.split(" ");
        // Each begins with its name.
        List<String> chains = List.of(
                host.run("nft", "list", "table", name[0], name[1]).orElse("").split("\\bchain "));
        boolean spared = chains.stream()
                .filter(text -> text.startsWith(name[2] + " {"))
                .flatMap(String::lines)
                .skip(2)
                .map(String::strip)
                .takeWhile(rule -> rule.endsWith(" accept"))
                .anyMatch(("iifname \"" + bridge + "\" accept")::equals);
        return chains.stream()
                .filter(text -> !spared && !text.contains(" hook output "))
                .flatMap(String::lines)
                .map(String::strip)
                .filter(rule -> NFT_NOTRACK.matcher(rule).find() && concernsBridge(NFT_INTERFACE.matcher(rule)))
                .findFirst();
    }

    /** Whether a rule holds for what comes in by the bridge, by the interface that it names, if any. */
    private boolean concernsBridge(Matcher named) {
        if (!named.find()) {
            return true;
        }
        String name = named.group(2);
        boolean same =
                name.matches(".*[+*]") ? bridge.startsWith(name.substring(0, name.length() - 1)) : bridge.equals(name);
        return same == (named.group(1) == null);
    }
}
