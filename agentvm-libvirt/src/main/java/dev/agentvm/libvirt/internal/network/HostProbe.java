package dev.agentvm.libvirt.internal.network;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.connection.Networks;
import dev.agentvm.libvirt.internal.xml.CapabilitiesXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Looks whether the host can keep what is promised of a VM. A check takes a few milliseconds, so it runs before every
 * launch; only what libvirt found out when it started is asked once. Safe for use by many threads.
 */
public final class HostProbe {
    private static final String CONNTRACK_ACCT = "/proc/sys/net/netfilter/nf_conntrack_acct";
    private static final String IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";
    private static final String NWFILTER_CONF = "/etc/libvirt/nwfilter.conf";
    private static final String DEVICES = "/sys/class/net/";
    /** {@code IFF_UP}. */
    private static final int UP = 1;

    /** What libvirt's calls of {@code tc} need. */
    private static final List<String> SHAPING =
            List.of("sch_htb", "sch_sfq", "cls_fw", "sch_ingress", "cls_u32", "act_police");

    private final Libvirt libvirt;
    private final HostView host;
    private volatile @Nullable List<String> confinement;

    /** Looks at that libvirt and that host. */
    public HostProbe(Libvirt libvirt, HostView host) {
        this.libvirt = libvirt;
        this.host = host;
    }

    /**
     * What a VM needs.
     *
     * @param settings the network of the VMs
     * @param confined whether a host without AppArmor and SELinux is refused
     * @param kvm whether a host without KVM is refused
     */
    public record Needs(
            NetworkMode mode,
            NetworkPolicy policy,
            BandwidthLimit bandwidth,
            NetworkSettings settings,
            boolean confined,
            boolean kvm) {
        /** What the default template needs. */
        public static Needs standard() {
            return new Needs(
                    NetworkMode.NAT_FILTERED,
                    NetworkPolicy.agentDefault(),
                    BandwidthLimit.standard(),
                    NetworkSettings.standard(),
                    false,
                    false);
        }
    }

    /** Everything that {@code needs} depends on, whether it is as it should be or not. */
    public List<Finding> check(Needs needs) {
        List<Finding> findings = new ArrayList<>();
        findings.add(uri());
        findings.add(version());
        findings.add(confinement(needs));
        findings.add(kvm(needs));
        if (!needs.mode().equals(NetworkMode.ISOLATED)) {
            findings.add(filters());
            findings.add(tools());
            findings.add(layer3(needs));
            findings.add(bandwidth(needs.bandwidth()));
            findings.add(connectionLog());
        }
        if (needs.mode() instanceof NetworkMode.Bridge bridge) {
            findings.add(bridge(bridge.name()));
            findings.add(spanningTree(bridge.name()));
            findings.add(routing(bridge.name()));
            findings.add(leases(bridge));
            Optional<NftChains> chains = NftChains.of(host);
            findings.add(forward(bridge.name(), chains).bridged(bridge.address().isEmpty()));
            findings.add(new TrackingProbe(host, bridge.name(), chains).check(Finding.Severity.FATAL));
        }
        if (needs.mode().equals(NetworkMode.NAT_FILTERED)) {
            findings.add(network(needs));
            findings.add(forwarding(needs));
            Optional<NftChains> chains = NftChains.of(host);
            ForwardProbe forward = forward(needs.settings().bridge(), chains);
            findings.add(forward.policy(needs.policy()));
            findings.add(forward.connections());
            findings.add(tracking(needs, chains));
        }
        return List.copyOf(findings);
    }

    private ForwardProbe forward(String bridge, Optional<NftChains> chains) {
        return new ForwardProbe(host, libvirt.host().daemonVersion(), bridge, chains);
    }

    private Finding uri() {
        String uri = libvirt.host().uri();
        return uri.contains("/session")
                ? Finding.fatal(
                        "system-uri",
                        "connected to " + uri + ", where libvirt has neither filters nor networks of its own",
                        "Connect to qemu:///system; add the user to the group libvirt for that")
                : Finding.ok("system-uri", "connected to " + uri);
    }

    private Finding version() {
        LibvirtVersion version = libvirt.host().daemonVersion();
        return version.compareTo(LibvirtVersion.OLDEST) < 0
                ? Finding.fatal(
                        "libvirt-version",
                        "libvirt " + version
                                + " cannot bound what emulation keeps, nor before 7.7 check what it defines",
                        "Use libvirt " + LibvirtVersion.OLDEST + " or later")
                : Finding.ok("libvirt-version", "libvirt " + version);
    }

    private Finding filters() {
        try {
            int filters = libvirt.filters().list().size();
            return filtersByNftables()
                    ? Finding.warning(
                            "nwfilter",
                            "libvirt's filters use nftables, with which this library has not been tried: what is denied"
                                    + " is dropped instead of refused, and answers to pings may be too",
                            "Set firewall_backend = \"iptables\" in " + NWFILTER_CONF
                                    + ", restart libvirt, and remove the tables that it leaves: nft delete table bridge"
                                    + " libvirt_nwfilter_inet; nft delete table bridge libvirt_nwfilter_ethernet")
                    : Finding.ok("nwfilter", filters + " filters defined");
        } catch (AgentVMException e) {
            return Finding.fatal(
                    "nwfilter",
                    "libvirt does not answer for network filters: " + e.getMessage(),
                    "Install libvirt's nwfilter driver (Debian: libvirt-daemon-system, Fedora:"
                            + " libvirt-daemon-driver-nwfilter) and start virtnwfilterd or libvirtd");
        }
    }

    /** The file came with that driver; before, there was none. */
    private boolean filtersByNftables() {
        Backend backend = Backend.set(host, NWFILTER_CONF)
                .orElseGet(() -> host.hasProgram("nft") ? Backend.byDefault(host, NWFILTER_CONF) : Backend.IPTABLES);
        return backend == Backend.NFTABLES;
    }

    private Finding tools() {
        List<String> missing = List.of("ebtables", "iptables", "ip6tables").stream()
                .filter(tool -> !host.hasProgram(tool))
                .toList();
        return missing.isEmpty()
                ? Finding.ok("firewall-tools", "ebtables, iptables and ip6tables are there")
                : Finding.fatal(
                        "firewall-tools",
                        "libvirt filters by programs that are not there: " + String.join(", ", missing),
                        "Install them (Debian: apt-get install ebtables iptables; Fedora: dnf install iptables-nft)");
    }

    private Finding layer3(Needs needs) {
        String value = host.read(NwfilterEnforcer.BRIDGE_NF).orElse("absent");
        String evidence = "net.bridge.bridge-nf-call-iptables is " + value;
        String remedy = "modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1";
        if (value.equals("1")) {
            return Finding.ok("bridge-netfilter", evidence);
        }
        if (needs.mode() instanceof NetworkMode.Bridge) {
            return Finding.fatal(
                    "bridge-netfilter", evidence + ", so nothing tells answers to the VM from new connections", remedy);
        }
        if (needs.policy().denied() == DenyAction.DROP) {
            return Finding.ok("bridge-netfilter", evidence + "; the policy drops, which does not need it");
        }
        return Finding.warning(
                "bridge-netfilter",
                evidence + ", so denied TCP is dropped instead of refused"
                        + (needs.policy().connectionLimit().isPresent() ? ", and connections are not limited" : ""),
                remedy);
    }

    private Finding connectionLog() {
        return host.mayCapture()
                ? Finding.ok("connection-log", "what passes the taps of VMs can be read" + connectionBytes())
                : Finding.warning(
                        "connection-log",
                        "this program may open no packet sockets, and no flow log service runs, so what VMs try on their networks"
                                + " is not written down",
                        "Run it as root, give it CAP_NET_RAW, or start the flow log service (docs/monitoring.md)");
    }

    private String connectionBytes() {
        List<String> causes = new ArrayList<>();
        if (host.read(CONNTRACK_ACCT).filter("1"::equals).isEmpty()) {
            causes.add("net.netfilter.nf_conntrack_acct is not 1");
        }
        if (!host.mayCountConnections()) {
            causes.add("the kernel does not tell this program: run it as root, or give it CAP_NET_ADMIN");
        }
        return causes.isEmpty()
                ? ""
                : "; how many bytes a connection moved is not known, since " + String.join(", and since ", causes);
    }

    private Finding bridge(String name) {
        String device = DEVICES + name;
        Optional<String> flags = host.read(device + "/flags");
        if (flags.isEmpty()) {
            return Finding.fatal(
                    "bridge",
                    "the host has no interface '" + name + "'",
                    "ip link add " + name + " type bridge; ip link set " + name
                            + " up, and give it a port to the network");
        }
        if (host.read(device + "/bridge/stp_state").isEmpty()) {
            return Finding.fatal(
                    "bridge",
                    "the interface '" + name + "' is no bridge of Linux, so no filter of libvirt works on its ports",
                    "Name a bridge; ip -brief link show type bridge lists them");
        }
        if ((Integer.decode(flags.get()) & UP) == 0) {
            return Finding.fatal("bridge", "the bridge '" + name + "' is down", "ip link set " + name + " up");
        }
        return Finding.ok("bridge", "the bridge '" + name + "' is up");
    }

    /** BPDUs go to the bridge's own spanning tree without passing the filter's hook. */
    private Finding spanningTree(String name) {
        String state = host.read(DEVICES + name + "/bridge/stp_state").orElse("0");
        return state.equals("0")
                ? Finding.ok("bridge-stp", "the bridge '" + name + "' takes no part in a spanning tree")
                : Finding.warning(
                        "bridge-stp",
                        "the bridge '" + name + "' takes part in a spanning tree (stp_state " + state
                                + "), whose messages no filter sees, so a VM can make itself its root and disturb the"
                                + " network",
                        "If the network has no loops: ip link set " + name + " type bridge stp_state 0");
    }

    /** What the host itself routes is not bridged, and in-rules of layer 3 see bridged packets only. */
    private Finding routing(String name) {
        boolean routes = host.read(IP_FORWARD).filter("1"::equals).isPresent()
                && Routes.of(host).stream().anyMatch(route -> route.device().equals(name));
        return routes
                ? Finding.warning(
                        "bridge-routing",
                        "the host forwards packets and has a network on the bridge '" + name
                                + "', and what it routes there itself no filter of a VM can tell from answers",
                        "iptables -I FORWARD -o " + name
                                + " -m conntrack --ctstate NEW -m physdev ! --physdev-is-bridged -j DROP, unless others"
                                + " on the bridge are served through this host")
                : Finding.ok("bridge-routing", "the host routes nothing to the bridge '" + name + "'");
    }

    private Finding leases(NetworkMode.Bridge bridge) {
        if (bridge.address().isPresent()) {
            return Finding.ok(
                    "bridge-address", "the address is " + bridge.address().get());
        }
        return host.read(CallerBridge.LEASES).isPresent()
                ? Finding.ok("bridge-address", "the address is learnt from the DHCP lease")
                : Finding.fatal(
                        "bridge-address",
                        CallerBridge.LEASES + ", where libvirt notes the leases that it sees, cannot be read",
                        "Say the address, NetworkMode.Bridge.withAddress, or let this program's user read that file");
    }

    /** Whether the host can keep that limit. */
    public Finding bandwidth(BandwidthLimit limit) {
        if (limit.isUnlimited()) {
            return Finding.ok("bandwidth", "no limit is wanted");
        }
        List<String> missing =
                SHAPING.stream().filter(module -> !hasModule(module)).toList();
        if (missing.isEmpty()) {
            return Finding.ok("bandwidth", "the kernel can shape traffic");
        }
        String evidence = "the kernel has no " + String.join(", ", missing) + ", so libvirt cannot limit the bandwidth";
        String remedy = "Use a kernel with them, or BandwidthLimit.unlimited()";
        return limit.isRequired()
                ? Finding.fatal("bandwidth", evidence, remedy)
                : Finding.warning("bandwidth", evidence, remedy);
    }

    private boolean hasModule(String module) {
        if (host.read("/sys/module/" + module + "/initstate").isPresent()
                || host.read("/sys/module/" + module + "/uevent").isPresent()) {
            return true;
        }
        String directory =
                "/lib/modules/" + host.read("/proc/sys/kernel/osrelease").orElse("");
        // Such as kernel/net/sched/sch_sfq.ko.zst
        Pattern file = Pattern.compile("/" + Pattern.quote(module) + "\\.ko");
        return List.of("/modules.builtin", "/modules.dep").stream()
                .flatMap(list -> host.read(directory + list).stream())
                .anyMatch(list -> file.matcher(list).find());
    }

    private Finding network(Needs needs) {
        return ManagedNetwork.obstacle(libvirt, needs.settings(), host)
                .map(obstacle -> Finding.fatal(
                        "network", obstacle, "See virsh net-list --all, and ip route, for what uses which addresses"))
                .orElseGet(() -> Finding.ok(
                        "network",
                        "the network '" + needs.settings().name() + "' is there, or its name and addresses are free"));
    }

    private Finding forwarding(Needs needs) {
        String value = host.read(IP_FORWARD).orElse("absent");
        boolean active = libvirt.networks()
                .lookup(needs.settings().name())
                .map(Networks.Info::active)
                .orElse(false);
        if (value.equals("0") && active) {
            return Finding.fatal(
                    "ip-forward",
                    "net.ipv4.ip_forward is 0 while the network runs, so nothing reaches the Internet",
                    "sysctl -w net.ipv4.ip_forward=1");
        }
        return Finding.ok(
                "ip-forward",
                "net.ipv4.ip_forward is " + value + (active ? "" : "; libvirt turns it on with the network"));
    }

    private Finding tracking(Needs needs, Optional<NftChains> chains) {
        return needs.policy().denied() == DenyAction.DROP
                ? Finding.ok("connection-tracking", "the policy drops, which does not need it")
                : new TrackingProbe(host, needs.settings().bridge(), chains).check(Finding.Severity.WARNING);
    }

    private Finding confinement(Needs needs) {
        List<String> models = confinement;
        if (models == null) {
            models = securityModels();
            confinement = models;
        }
        if (models.contains("apparmor") || models.contains("selinux")) {
            return Finding.ok("confinement", "QEMU is confined by " + String.join(", ", models));
        }
        String evidence = "QEMU is not confined by AppArmor or SELinux, so whoever breaks out of QEMU has all rights of"
                + " its user";
        String remedy = "Turn AppArmor or SELinux on, and look for security_driver in /etc/libvirt/qemu.conf";
        return needs.confined()
                ? Finding.fatal("confinement", evidence, remedy)
                : Finding.warning("confinement", evidence, remedy);
    }

    private List<String> securityModels() {
        CapabilitiesXml capabilities = LibvirtXml.read(libvirt.host().capabilitiesXml(), CapabilitiesXml.class);
        return capabilities.host == null
                ? List.of()
                : capabilities.host.securityModels.stream()
                        .map(model -> model.model)
                        .filter(Objects::nonNull)
                        .toList();
    }

    private Finding kvm(Needs needs) {
        if (host.isUsable("/dev/kvm")) {
            return Finding.ok("kvm", "/dev/kvm can be opened");
        }
        String evidence = "/dev/kvm is not there or not usable, so guests are emulated, about ten times slower";
        String remedy =
                "Turn virtualisation on in the firmware, load kvm_intel or kvm_amd, or allow nested virtualisation";
        return needs.kvm() ? Finding.fatal("kvm", evidence, remedy) : Finding.warning("kvm", evidence, remedy);
    }
}
