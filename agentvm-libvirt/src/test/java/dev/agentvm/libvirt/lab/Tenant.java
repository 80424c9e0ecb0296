package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.VM;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.FilterRule;
import dev.agentvm.network.NetworkPolicy;
import java.time.Instant;
import java.util.UUID;
import org.awaitility.Awaitility;

/** Whoever a VM is lent to: looks for traces of those before, and leaves as many as there are ways to. */
final class Tenant {
    /** Finds the mark of any tenant, and not itself. */
    private static final String MARKS = "canary-[0-9a-f]";

    private static final String LOOK = String.join(
            "\n",
            // The agent writes its state to a file of another name first.
            "find / -path /proc -prune -o -path /sys -prune -o -path '*agentvm*' -prune -o"
                    + " -path '/run/qga.state.*' -prune -o -type f -exec ls -ln {} +"
                    + " | awk '{print $1, $3, $4, $5, $9}' | sort -k5",
            "hostname; env | sort; cat /proc/mounts /proc/modules /proc/sys/kernel/panic",
            // The kernel gives itself an address of IPv6 when the link comes up, which may be before a state is kept or
            // after.
            "ip -o addr | sed -e 's/valid_lft.*//' -e '/inet6 fe80/d'; ip route",
            "cat /proc/net/arp | awk 'END {print (NR > 3)}'",
            "netstat -ltnu | sort; netstat -tn | grep -c -e :8080 -e :443",
            "grep -l '" + MARKS + "' /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null",
            "dd if=/dev/vda bs=1M count=4 2>/dev/null | grep -c '" + MARKS + "'",
            "dd if=/dev/vda bs=1M skip=700 count=1 2>/dev/null | grep -c '" + MARKS + "'",
            "true");

    private final VM vm;
    private final String mark = "canary-" + UUID.randomUUID();

    Tenant(VM vm) {
        this.vm = vm;
    }

    /** What all that it writes, sends and runs bears. */
    String mark() {
        return mark;
    }

    /** All that the guest shows of itself; each tenant of a VM must see the same. */
    String look() {
        return Lab.output(vm, Command.shell(LOOK)) + "\n"
                + Lab.host("virsh", "--quiet", "domiftune", vm.id().toString(), Lab.tap(vm));
    }

    /** A number that no guest, and no earlier state of this one, has drawn. */
    String draw() {
        return Lab.output(vm, Command.shell("cat /proc/sys/kernel/random/uuid; od -An -N16 -tx1 /dev/urandom"));
    }

    /** To the second; another may pass before it is set. */
    void assertClockIsRight() {
        long before = Instant.now().getEpochSecond();
        long guest = Long.parseLong(Lab.output(vm, Command.of("date", "+%s")));
        assertThat(guest).as("clock").isBetween(before - 2, Instant.now().getEpochSecond() + 1);
    }

    void assertPolicyIsTheTemplates(NetworkPolicy policy) {
        assertThat(vm.networkPolicy()).contains(policy);
        assertThat(Lab.probe(vm, "tcp", Lab.fact("WWW_ADDRESS"), "443", "20000"))
                .startsWith("open");
        assertThat(Lab.probe(vm, "tcp", Lab.fact("WWW_ADDRESS"), "8080", "200")).doesNotStartWith("open");
    }

    void leaveTraces() {
        vm.setNetworkPolicy(NetworkPolicy.agentDefault().toBuilder()
                .addRule(FilterRule.allow().tcp(8080).because("what notes down all that it is told"))
                .build());
        Lab.output(
                vm,
                Command.shell(String.join(
                        "\n",
                        "mark=" + mark,
                        "for folder in /root /tmp /run /dev/shm /home/agent /etc; do echo $mark >$folder/$mark; done",
                        "echo $mark >>/etc/passwd; rm /etc/group",
                        "yes $mark | head -c 16777216 >/dev/shm/big",
                        "printf $mark >/dev/vda; printf $mark | dd of=/dev/vda bs=1M seek=700 2>/dev/null; sync",
                        "mkdir /tmp/mount; mount -t tmpfs $mark /tmp/mount; echo 7 >/proc/sys/kernel/panic",
                        "hostname $mark; ip addr add 127.9.9.9 dev lo; ip route add 9.9.9.9 dev lo",
                        "MARK=$mark sh -c 'while :; do sleep 1; done; '$mark >/dev/null 2>&1 </dev/null &",
                        "nc -l -p 7777 -e /bin/cat >/dev/null 2>&1 </dev/null &",
                        "(while :; do echo $mark; sleep 0.2; done) 2>/dev/null | nc " + Lab.fact("WWW_ADDRESS")
                                + " 8080 >/dev/null 2>&1 &",
                        "date -s 2001-02-03 >/dev/null")));
        Awaitility.await().until(() -> !Lab.arrived(mark).isEmpty());
        vm.setBandwidth(BandwidthLimit.unlimited());
    }

    /** What it has sent that arrived. */
    int arrived() {
        return Lab.arrived(mark).size();
    }
}
