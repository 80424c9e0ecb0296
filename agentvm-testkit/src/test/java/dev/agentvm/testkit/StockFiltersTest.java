package dev.agentvm.testkit;

import static dev.agentvm.testkit.Filters.NIC;
import static dev.agentvm.testkit.Filters.VM_IP;
import static dev.agentvm.testkit.Filters.VM_MAC;
import static dev.agentvm.testkit.Filters.in;
import static dev.agentvm.testkit.Filters.out;
import static dev.agentvm.testkit.Filters.outcome;
import static dev.agentvm.testkit.Judgement.Outcome.ACCEPTED;
import static dev.agentvm.testkit.Judgement.Outcome.DROPPED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.Packet.Path;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The filters that come with libvirt. */
class StockFiltersTest {
    static final Map<String, List<String>> PARAMETERS = Map.of(
            "DHCPSERVER",
            List.of("10.1.0.1"),
            "IPV6",
            List.of("fd00::10"),
            "GATEWAY_MAC",
            List.of("52:54:00:ff:ff:fe"));

    static Map<String, String> files() {
        Map<String, String> files = new TreeMap<>();
        try (var list = Files.list(java.nio.file.Path.of(StockFiltersTest.class
                        .getResource("stock/clean-traffic.xml")
                        .toURI())
                .getParent())) {
            for (java.nio.file.Path file : list.toList()) {
                String name = file.getFileName().toString();
                if (name.endsWith(".xml")) {
                    files.put(name.substring(0, name.length() - 4), Files.readString(file));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
        return files;
    }

    static List<String> names() {
        return List.copyOf(files().keySet());
    }

    private static Simulation stock(String name, Map<String, List<String>> parameters) {
        NwfilterSimulator.Builder builder = NwfilterSimulator.builder();
        files().values().forEach(builder::filter);
        return builder.build().attach(name, NIC, parameters);
    }

    private static Packet ip(String source) {
        return NIC.sends(Path.ROUTED).ipv4(source, "198.18.0.9").tcp(1, 443).build();
    }

    @ParameterizedTest
    @MethodSource("names")
    void everyOne_canBeAttached(String name) {
        Map<String, List<String>> parameters =
                name.startsWith("allow-dhcpv6") ? Map.of("DHCPSERVER", List.of("fd00::1")) : PARAMETERS;

        assertThat(stock(name, parameters).commands()).isNotEmpty();
    }

    @Test
    void there_areAll() {
        assertThat(names()).hasSize(24);
    }

    @Test
    void cleanTraffic_keepsAVMHonest() {
        Simulation simulation = stock("clean-traffic", PARAMETERS);

        assertThat(outcome(simulation, ip(VM_IP))).isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, ip("10.1.0.11"))).as("another address").isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .from("02:00:00:00:00:02")
                                .ipv4(VM_IP, "1.1.1.1")
                                .tcp(1, 2)
                                .build()))
                .as("another MAC")
                .isEqualTo(DROPPED);
        Packet.Builder arp = NIC.sends(Path.HOST).broadcast();
        assertThat(outcome(simulation, arp.arpRequest(VM_IP, "10.1.0.1").build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, arp.arpRequest("10.1.0.11", "10.1.0.1").build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        arp.arp(0x0806, 1, "02:00:00:00:00:02", VM_IP, "00:00:00:00:00:00", "10.1.0.1")
                                .build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.ROUTED)
                                .ipv6("fd00::10", "fd00::1")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, out(Path.BRIDGED).tcp(1, 2).vlan(3).build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, NIC.sends(Path.BRIDGED).etherType(0x88cc).build()))
                .isEqualTo(DROPPED);
    }

    @Test
    void cleanTraffic_letsDhcpAndAllIpv4In() {
        Simulation simulation = stock("clean-traffic", PARAMETERS);

        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.HOST)
                                .broadcast()
                                .ipv4("0.0.0.0", "255.255.255.255")
                                .udp(68, 67)
                                .build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(simulation, in(Path.ROUTED).tcp(1, 22).build())).isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        NIC.receives(Path.HOST)
                                .ipv6("fd00::1", "fd00::10")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(DROPPED);
    }

    @Test
    void qemuAnnounceSelf_letsTheAnnouncementPass() {
        Simulation simulation = stock("clean-traffic", PARAMETERS);
        Packet.Builder packet = NIC.sends(Path.BRIDGED).broadcast();

        assertThat(outcome(
                        simulation,
                        packet.arp(0x8035, 3, VM_MAC, "0.0.0.0", VM_MAC, "0.0.0.0")
                                .build()))
                .isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        packet.arp(0x8035, 3, VM_MAC, VM_IP, VM_MAC, "0.0.0.0").build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(simulation, packet.etherType(0x835).build())).isEqualTo(ACCEPTED);
    }

    @Test
    void cleanTrafficGateway_speaksWithTheGatewayAlone() {
        Simulation simulation = stock("clean-traffic-gateway", PARAMETERS);

        assertThat(outcome(simulation, ip(VM_IP))).isEqualTo(ACCEPTED);
        assertThat(outcome(
                        simulation,
                        out(Path.BRIDGED).to("52:54:00:00:00:02").tcp(1, 2).build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        in(Path.BRIDGED).from("52:54:00:00:00:02").tcp(1, 2).build()))
                .isEqualTo(DROPPED);
    }

    @Test
    void allowDhcpServer_namesTheServer() {
        Simulation simulation = stock("allow-dhcp-server", PARAMETERS);

        assertThat(simulation.commands())
                .contains("ebtables -A O-vnet0-ipv4 -p ipv4 --ip-source 10.1.0.1 --ip-protocol 17 --ip-source-port 67"
                        + " --ip-destination-port 68 -j ACCEPT");
        assertThat(outcome(
                        simulation,
                        NIC.receives(Path.HOST)
                                .ipv4("10.1.0.2", "10.1.0.10")
                                .udp(67, 68)
                                .build()))
                .as("but the end of its chain accepts all the same")
                .isEqualTo(ACCEPTED);
    }

    @Test
    void noIpMulticast_dropsGroups() {
        Simulation simulation = stock("no-ip-multicast", PARAMETERS);

        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.BRIDGED)
                                .ipv4(VM_IP, "239.1.1.1")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(DROPPED);
        assertThat(outcome(
                        simulation,
                        NIC.sends(Path.BRIDGED)
                                .ipv4(VM_IP, "10.1.0.2")
                                .udp(1, 2)
                                .build()))
                .isEqualTo(ACCEPTED);
    }
}
