package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Command;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which names guests resolve, and where. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@FirstFailureCounts
class DnsIT {
    private static final String NETWORK = "names";

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void names_areResolvedByTheGatewayOnly() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("asking"))) {
            Lab.awaitNetwork(vm);
            String www = Lab.fact("WWW_NAME");
            for (String elsewhere : new String[] {"8.8.8.8", Lab.fact("DNS_ADDRESS")}) {
                assertThat(Lab.probe(vm, "dns", elsewhere, www, "udp", "700")).isEqualTo("timeout");
                assertThat(Lab.probe(vm, "dns", elsewhere, www, "tcp", "700")).startsWith("refused");
            }
            for (String transport : new String[] {"udp", "tcp"}) {
                assertThat(Lab.probe(vm, "dns", gateway(vm), www, transport)).isEqualTo(Lab.fact("WWW_ADDRESS"));
            }
        }
    }

    /** What a name would lead to shows with the same resolver, less two options of its. */
    @Test
    void namesOfOtherVMs_andNamesThatLeadIntoPrivateNetworks_areNotResolved_thoughTheyWouldBe() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM one = hypervisor.launch(Lab.tiny("one"));
                VM two = hypervisor.launch(Lab.tiny("two"))) {
            Lab.awaitNetwork(one);
            Lab.awaitNetwork(two);
            nameByDhcp(two, "two");
            for (String name : new String[] {"two", "two.agentvm", "two.local", "localhost.localdomain"}) {
                assertThat(Lab.probe(one, "dns", gateway(one), name)).as(name).isEqualTo("NXDOMAIN");
            }
            for (String name : Lab.facts("REBIND_NAMES")) {
                for (String transport : new String[] {"udp", "tcp"}) {
                    assertThat(Lab.probe(one, "dns", gateway(one), name, transport))
                            .as(name)
                            .isEqualTo("NOERROR");
                }
            }
            Lab.facts("REBIND_IPV6_NAMES")
                    .forEach(name -> assertThat(ipv6(one, name)).as(name).doesNotContain(address(name)));
            // The resolver takes these for public, and the floor closes them.
            for (String name : Lab.facts("REBIND_PASSING_NAMES")) {
                assertThat(Lab.probe(one, "dns", gateway(one), name)).isEqualTo(address(name));
            }
            assertThat(Lab.probe(one, "tcp", Lab.fact("SHARED_ADDRESS"), "443", "700"))
                    .isEqualTo("timeout");

            startResolverWithout("dhcp-ignore-names", "stop-dns-rebind");
            nameByDhcp(two, "two");
            assertThat(Lab.probe(one, "dns", gateway(one), "two"))
                    .isEqualTo(two.attachment().orElseThrow().address().toString());
            for (String name : Lab.facts("REBIND_NAMES")) {
                assertThat(Lab.probe(one, "dns", gateway(one), name)).isEqualTo(address(name));
            }
            Lab.facts("REBIND_IPV6_NAMES")
                    .forEach(name -> assertThat(ipv6(one, name)).as(name).contains(address(name)));
        } finally {
            // libvirt ends the resolver that it has started itself, and no other.
            Lab.host("sh", "-c", """
                    pid=$(cat /run/libvirt/network/agentvm.pid)
                    virsh -q net-destroy agentvm
                    while kill $pid 2>/dev/null; do sleep 0.1; done
                    """);
        }
    }

    @Test
    void resolvableDomains_resolveWithTheirSubdomains_andNothingElseIsAskedFor() throws IOException {
        String www = Lab.fact("WWW_NAME");
        try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                        .network(NETWORK)
                        .resolvers(Lab.fact("DNS_ADDRESS"))
                        .resolvableDomains(www, Lab.fact("REBIND_NAME"))
                        .connect();
                VM vm = hypervisor.launch(Lab.tiny("named"))) {
            Lab.awaitNetwork(vm);
            String gateway = gateway(vm);
            assertThat(Lab.probe(vm, "dns", gateway, www)).isEqualTo(Lab.fact("WWW_ADDRESS"));
            assertThat(Lab.probe(vm, "dns", gateway, Lab.fact("BELOW_WWW_NAME")))
                    .isEqualTo(Lab.fact("WWW_ADDRESS"));
            assertThat(Lab.probe(vm, "dns", gateway, "missing." + www)).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, Lab.fact("FILES_NAME"))).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, "not" + www)).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, Lab.fact("REBIND_NAME")))
                    .as("an answer that leads into a private network")
                    .isEqualTo("NOERROR");
            assertThat(Files.readString(Path.of(Lab.environment("AGENTVM_LAB_DNS_LOG"))))
                    .contains(" missing." + www + " ")
                    .doesNotContain(" not" + www + " ")
                    .doesNotContain(" " + Lab.fact("FILES_NAME") + " ");

            // It filters names, not addresses.
            assertThat(Lab.probe(vm, "tcp", Lab.fact("FILES_ADDRESS"), "443")).startsWith("open");

            try (Hypervisor other = new LibvirtHypervisor.Builder()
                    .network(NETWORK)
                    .resolvers(Lab.fact("DNS_ADDRESS"))
                    .resolvableDomains(Lab.fact("GIT_NAME"))
                    .connect()) {
                assertThatExceptionOfType(HostNotReadyException.class)
                        .isThrownBy(() -> other.launch(Lab.tiny("other")))
                        .withMessageContainingAll("'" + NETWORK + "'", "in use by", "domains", "another name");
            }
        } finally {
            Lab.host("sh", "-c", "virsh -q net-destroy " + NETWORK + "; virsh -q net-undefine " + NETWORK);
        }
    }

    /** Lets a guest ask for its address anew, and say its name as it does. */
    private static void nameByDhcp(VM vm, String name) {
        Lab.output(vm, Command.shell("killall udhcpc; udhcpc -n -q -i eth0 -s /sbin/udhcpc-event -x hostname:" + name));
    }

    /** What the guest's resolver answers when it is asked for a name's IPv6 addresses. */
    private static String ipv6(VM vm, String name) {
        return Lab.output(vm, Command.of("nslookup", "-type=aaaa", name, gateway(vm)));
    }

    /** What the pretend Internet's resolver says of a name. */
    private static String address(String name) {
        return Lab.facts("NAMES").stream()
                .filter(entry -> entry.startsWith(name + ":"))
                .map(entry -> entry.substring(name.length() + 1))
                .findFirst()
                .orElseThrow();
    }

    /** Starts the network's resolver anew, as libvirt started it but for some of its options. */
    private static void startResolverWithout(String... options) {
        String conf = "/var/lib/libvirt/dnsmasq/agentvm.conf";
        String less = "/^" + String.join("$/d;/^", options) + "$/d";
        Lab.host("sh", "-ec", """
                pid=$(cat /run/libvirt/network/agentvm.pid)
                tr '\\0' '\\n' </proc/$pid/cmdline | sed 's|%1$s|%1$s.less|' >/run/resolver
                sed '%2$s' %1$s >%1$s.less
                [ $(wc -l <%1$s) = $(($(wc -l <%1$s.less) + %3$d)) ]
                kill $pid
                while kill -0 $pid 2>/dev/null; do sleep 0.1; done
                VIR_BRIDGE_NAME=agentvm0 xargs -d '\\n' -a /run/resolver env
                rm %1$s.less /run/resolver
                """.formatted(conf, less, options.length));
    }

    private static String gateway(VM vm) {
        return vm.attachment().orElseThrow().gateway().orElseThrow().toString();
    }
}
