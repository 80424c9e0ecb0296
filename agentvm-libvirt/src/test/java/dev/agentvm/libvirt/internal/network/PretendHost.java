package dev.agentvm.libvirt.internal.network;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A host on which everything is as it should be, seen by root, until a test changes it. */
final class PretendHost implements HostView {
    final Map<String, String> files = new HashMap<>(Map.of(
            NwfilterEnforcer.BRIDGE_NF,
            "1",
            "/proc/sys/net/ipv4/ip_forward",
            "1",
            "/proc/sys/kernel/osrelease",
            "6.1.0",
            "/lib/modules/6.1.0/modules.dep",
            "kernel/net/sched/sch_htb.ko: kernel/net/sched/sch_sfq.ko.zst: \nkernel/net/sched/act_police.ko.xz:\n",
            "/lib/modules/6.1.0/modules.builtin",
            "kernel/net/sched/sch_ingress.ko\nkernel/net/sched/cls_u32.ko\nkernel/net/sched/cls_fw.ko\n",
            "/proc/net/route",
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
                    + "eth0 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0\n"));
    /** What commands print; any other fails, as all do for users who may not. */
    final Map<String, String> commands =
            new HashMap<>(Map.of("iptables -w 1 -S", "-P FORWARD ACCEPT\n", "nft list chains", ""));

    final Set<String> missing = new HashSet<>();
    boolean capturing = true;
    boolean counting = true;

    @Override
    public boolean mayCapture() {
        return capturing;
    }

    @Override
    public boolean mayCountConnections() {
        return counting;
    }

    @Override
    public Optional<String> read(String path) {
        return Optional.ofNullable(files.get(path));
    }

    @Override
    public boolean hasProgram(String name) {
        return !missing.contains(name);
    }

    @Override
    public boolean isUsable(String path) {
        return !missing.contains(path);
    }

    @Override
    public Optional<String> run(String... command) {
        return missing.contains(command[0])
                ? Optional.empty()
                : Optional.ofNullable(commands.get(String.join(" ", command)));
    }

    @Override
    public HostAddresses addresses() {
        return new HostAddresses(Set.of(), Routes.local(this));
    }
}
