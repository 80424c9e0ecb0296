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
class DnsIT {
    private static final String NETWORK = "names";

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void names_areResolvedByTheGatewayOnly_andNeitherOtherVMsNorPrivateAddressesAreNamed() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM one = hypervisor.launch(Lab.tiny("one"));
                VM two = hypervisor.launch(Lab.tiny("two"))) {
            Lab.awaitNetwork(one);
            Lab.awaitNetwork(two);
            String www = Lab.fact("WWW_NAME");
            for (String elsewhere : new String[] {"8.8.8.8", Lab.fact("DNS_ADDRESS")}) {
                assertThat(Lab.probe(one, "dns", elsewhere, www, "udp", "700")).isEqualTo("timeout");
                assertThat(Lab.probe(one, "dns", elsewhere, www, "tcp", "700")).startsWith("refused");
            }
            String gateway = gateway(one);
            assertThat(Lab.probe(one, "dns", gateway, www, "tcp")).isEqualTo(Lab.fact("WWW_ADDRESS"));

            Lab.output(
                    two, Command.shell("killall udhcpc; udhcpc -n -q -i eth0 -s /sbin/udhcpc-event -x hostname:two"));
            for (String name : new String[] {"two", "two.agentvm", "two.local", "localhost.localdomain"}) {
                assertThat(Lab.probe(one, "dns", gateway, name)).as(name).matches("NXDOMAIN|REFUSED|");
            }
            assertThat(Lab.host("sh", "-c", "dig +short two @" + gateway + " 2>/dev/null || true"))
                    .isEmpty();
            assertThat(Lab.probe(one, "dns", gateway, Lab.fact("REBIND_NAME")))
                    .as("an answer that leads into a private network")
                    .doesNotContain(Lab.fact("REBIND_ADDRESS"));
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
            assertThat(Lab.probe(vm, "dns", gateway, "below." + www)).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, Lab.fact("FILES_NAME"))).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, "not" + www)).isEqualTo("NXDOMAIN");
            assertThat(Lab.probe(vm, "dns", gateway, Lab.fact("REBIND_NAME")))
                    .as("an answer that leads into a private network")
                    .doesNotContain(Lab.fact("REBIND_ADDRESS"));
            assertThat(Files.readString(Path.of(Lab.environment("AGENTVM_LAB_DNS_LOG"))))
                    .contains(" below." + www + " ")
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

    private static String gateway(VM vm) {
        return vm.attachment().orElseThrow().gateway().orElseThrow().toString();
    }
}
