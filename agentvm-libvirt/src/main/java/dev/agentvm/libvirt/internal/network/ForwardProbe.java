package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkPolicy;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * Looks whether the host's own firewall lets pass what VMs and the Internet say to each other, and lets nobody else
 * begin a connection to a VM. It sees that firewall as root, or not at all: then it warns.
 */
final class ForwardProbe {
    /** The first libvirt whose networks may use nftables (10.4.0). */
    private static final LibvirtVersion NFT_NETWORKS = new LibvirtVersion(10, 4, 0);

    private static final String NETWORK_CONF = "/etc/libvirt/network.conf";
    private static final String ANSWERS = " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
    private static final String LOOK =
            "Run this check as root once, or look: sudo iptables -S FORWARD; sudo nft list chains";
    private static final Pattern ACCEPTS = Pattern.compile("\\b(accept|jump|goto|vmap)\\b");

    private final HostView host;
    private final LibvirtVersion version;
    private final String bridge;
    private final Optional<ForwardRules> rules;
    private final Optional<NftChains> chains;
    private final Backend backend;

    ForwardProbe(HostView host, LibvirtVersion version, String bridge, Optional<NftChains> chains) {
        this.host = host;
        this.version = version;
        this.bridge = bridge;
        this.rules = host.run("iptables", "-w", "1", "-S").map(ForwardRules::parse);
        this.chains = chains;
        this.backend = backend();
    }

    /** libvirt takes the first of those it was built with that is there; iptables always is, or no VM starts. */
    private Backend backend() {
        if (version.compareTo(NFT_NETWORKS) < 0) {
            return Backend.IPTABLES;
        }
        Optional<Backend> set = Backend.set(host, NETWORK_CONF);
        if (set.isPresent()) {
            return set.get();
        }
        if (chains.filter(all -> all.hasTable("libvirt_network")).isPresent()) {
            return Backend.NFTABLES;
        }
        boolean inUse = chains.isPresent()
                && rules.filter(ForwardRules::holdNetworksOfLibvirt).isPresent();
        return inUse || !host.hasProgram("nft") ? Backend.IPTABLES : Backend.byDefault(host, NETWORK_CONF);
    }

    /**
     * Whether the host forwards for the VMs. With nftables libvirt's accepts stand in another table than those of
     * iptables, and a drop in one is not undone by an accept in another.
     */
    Finding policy(NetworkPolicy policy) {
        if (backend != Backend.IPTABLES) {
            String networks = "libvirt's networks "
                    + (backend == Backend.NFTABLES ? "use nftables" : "may use nftables, which is not said in a file");
            if (rules.isEmpty()) {
                return unseen(networks + ", and whether FORWARD in iptables drops their traffic could not be seen");
            }
            if (rules.get().drops() && !accepts(rules.get(), policy)) {
                return Finding.fatal(
                        "forward-policy",
                        networks + ", and FORWARD in iptables drops what it does not accept (as Docker sets it), so"
                                + " nothing reaches a VM",
                        "Set firewall_backend = \"iptables\" in " + NETWORK_CONF
                                + " and restart libvirt, or: iptables -I FORWARD -o " + bridge + ANSWERS
                                + (layer3(policy) ? "" : "; iptables -A FORWARD -i " + bridge + " -j ACCEPT"));
            }
        } else if (rules.isPresent() && !accepts(rules.get(), policy)) {
            Optional<String> refusal = rules.get().refuseBeforeLibvirt();
            if (refusal.isPresent()) {
                return Finding.fatal(
                        "forward-policy",
                        "'" + refusal.get() + "' stands before libvirt's rules, so nothing reaches a VM",
                        refusal.get().replaceFirst("-A", "iptables -D") + ", and put it behind libvirt's with -A");
            }
        }
        return tables(
                chain -> "nft insert rule " + chain + " iifname " + bridge + " accept; nft insert rule " + chain
                        + " oifname " + bridge + " ct state established,related accept",
                backend == Backend.IPTABLES
                        ? "libvirt's networks use iptables, where libvirt puts its rules before those of others"
                        : "libvirt's networks use nftables, and FORWARD lets their traffic pass");
    }

    /**
     * Whether the host lets pass what it bridges for VMs on a caller's bridge. Their filters accept in iptables what they
     * send, and DHCP, but no answers; and of an address that is yet to be learnt, nothing.
     *
     * @param learnt whether the address is learnt
     */
    Finding bridged(boolean learnt) {
        if (rules.isEmpty()) {
            return unseen("whether FORWARD in iptables drops what is bridged could not be seen");
        }
        if (rules.get().drops() && !rules.get().acceptBridged(bridge, !learnt)) {
            Optional<String> refusal = rules.get().refusal();
            String chain = refusal.map(rule -> rule.split(" ")[1]).orElse("FORWARD");
            String accept = "iptables -A " + chain + " -i " + bridge + " -o " + bridge + " -j ACCEPT";
            return Finding.fatal(
                    "forward-policy",
                    "FORWARD in iptables drops what it does not accept (as Docker sets it), bridged packets too, so nothing"
                            + " reaches a VM on the bridge '" + bridge + "'",
                    refusal.map(rule -> rule.replaceFirst("-A", "iptables -D") + "; " + accept + "; iptables " + rule)
                            .orElse(accept));
        }
        return tables(
                chain -> "nft insert rule " + chain + " iifname " + bridge + " oifname " + bridge + " accept",
                "FORWARD lets pass what is bridged");
    }

    /** What VMs begin libvirt's filters themselves accept in iptables, if they have rules there. */
    private boolean accepts(ForwardRules forward, NetworkPolicy policy) {
        return forward.acceptAnswers(bridge) && (layer3(policy) || forward.acceptRequests(bridge));
    }

    private boolean layer3(NetworkPolicy policy) {
        return policy.denied() == DenyAction.REJECT
                && host.read(NwfilterEnforcer.BRIDGE_NF).filter("1"::equals).isPresent();
    }

    /**
     * Tables that somebody made with nftables drop whatever libvirt accepts, with either backend.
     *
     * @param remedy what makes a chain let their traffic pass
     * @param good what is found if none drops it
     */
    private Finding tables(UnaryOperator<String> remedy, String good) {
        if (chains.isEmpty()) {
            return host.hasProgram("nft")
                    ? unseen("whether a table of nftables drops what the host forwards could not be seen")
                    : Finding.ok("forward-policy", good + ", and there is no nft");
        }
        for (String chain : chains.get().droppingForward()) {
            Optional<String> text = host.run(("nft list chain " + chain).split(" "));
            if (text.filter(there -> there.contains(bridge)).isPresent()) {
                continue;
            }
            boolean mayAccept =
                    text.filter(there -> !ACCEPTS.matcher(there).find()).isEmpty();
            String evidence =
                    "the chain '" + chain + "' of nftables drops what it does not accept, and does not name " + bridge;
            return mayAccept
                    ? Finding.warning(
                            "forward-policy", evidence + ", so it may drop the traffic of VMs", remedy.apply(chain))
                    : Finding.fatal("forward-policy", evidence + ", so nothing reaches a VM", remedy.apply(chain));
        }
        return Finding.ok("forward-policy", good);
    }

    private static Finding unseen(String what) {
        return Finding.warning("forward-policy", what + " (it takes root); if so, nothing reaches a VM", LOOK);
    }

    /** What begins a connection and what answers one, a VM's filter cannot tell; the rules of the network's NAT can. */
    Finding connections() {
        if (backend == Backend.NFTABLES) {
            return Finding.ok(
                    "forward-accept",
                    "libvirt's networks use nftables, where no rule of others undoes a drop of theirs");
        }
        if (rules.isEmpty()) {
            return Finding.warning(
                    "forward-accept",
                    "whether a rule stands before libvirt's that lets others connect to VMs could not be seen (it takes"
                            + " root)",
                    LOOK);
        }
        return rules.get()
                .acceptBeforeLibvirt(bridge)
                .map(rule -> Finding.warning(
                        "forward-accept",
                        "'" + rule + "' stands before libvirt's rules, so whoever has a route to the VMs' network can"
                                + " connect to them from ports that they may ask themselves",
                        rule.replaceFirst("-A", "iptables -D")
                                + ", or let it accept answers alone: -m conntrack --ctstate RELATED,ESTABLISHED"))
                .orElseGet(() -> Finding.ok(
                        "forward-accept", "no rule known to this check lets connections to VMs past libvirt's rules"));
    }
}
