package dev.agentvm.libvirt.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/**
 * A local network behind a bridge of the lab: the lab's host, a router to the pretend Internet and a neighbour, each
 * with an address of 10.44.0.0/24. VMs are bridged to the router, as on a network with a router of its own.
 */
final class Lan implements AutoCloseable {
    static final String BRIDGE = "lan0";
    static final String HOST = "10.44.0.254";
    static final String ROUTER = "10.44.0.1";
    static final String NEIGHBOUR = "10.44.0.2";

    static final String ROUTER_NAMESPACE = "lan-router";
    static final String NEIGHBOUR_NAMESPACE = "lan-neighbour";
    /** The card of the router, and of the neighbour. */
    static final String CARD = "eth0";

    static final String ROUTER_PORT = "lanr";
    static final String NEIGHBOUR_PORT = "lann";

    private final List<Process> daemons = new ArrayList<>();
    private final List<Path> files = new ArrayList<>();

    /** A bridge with nobody on it who gives out addresses. */
    Lan() {
        sh("ip link add " + BRIDGE + " type bridge; ip addr add " + HOST + "/24 dev " + BRIDGE + "; ip link set "
                + BRIDGE + " up");
        plug(ROUTER_NAMESPACE, ROUTER_PORT, ROUTER);
        plug(NEIGHBOUR_NAMESPACE, NEIGHBOUR_PORT, NEIGHBOUR);
        sh("ip link add lanup type veth peer name uplink netns " + ROUTER_NAMESPACE
                + "; ip addr add 81.2.70.1/30 dev lanup; ip link set lanup up");
        router("ip addr add 81.2.70.2/30 dev uplink; ip link set uplink up; ip route add default via 81.2.70.1;"
                + " sysctl -qw net.ipv4.ip_forward=1; iptables -t nat -A POSTROUTING -o uplink -j MASQUERADE");
        sh("iptables -t nat -A POSTROUTING -s 81.2.70.2 -j MASQUERADE");
        neighbour("ip route add default via " + ROUTER);
    }

    private static void plug(String namespace, String port, String address) {
        sh("ip netns add " + namespace + "; ip link add " + port + " type veth peer name " + CARD + " netns "
                + namespace
                + "; ip link set " + port + " master " + BRIDGE + " up; ip -n " + namespace + " link set lo up; ip -n "
                + namespace + " addr add " + address + "/24 dev " + CARD + "; ip -n " + namespace + " link set " + CARD
                + " up");
    }

    /** Starts a DHCP server at the router that gives out addresses from {@code first} to {@code last}. */
    void serveDhcp(String first, String last) {
        start(
                ROUTER_NAMESPACE,
                "dnsmasq",
                "-k",
                "--conf-file=/dev/null",
                "--port=0",
                "--interface=" + CARD,
                "--bind-interfaces",
                "--no-ping",
                "--leasefile-ro",
                "--pid-file=",
                "--dhcp-authoritative",
                "--dhcp-range=" + first + "," + last + ",1h",
                "--dhcp-option=option:router," + ROUTER,
                "--dhcp-option=option:dns-server," + Lab.fact("DNS_ADDRESS"));
    }

    /** Starts a service at the neighbour that says {@code neighbour}. */
    void serveAtNeighbour(int port) {
        start(NEIGHBOUR_NAMESPACE, "socat", "TCP-LISTEN:" + port + ",fork,reuseaddr", "SYSTEM:echo neighbour");
        Awaitility.await().until(() -> connectFromNeighbour(NEIGHBOUR, port, 0), "neighbour"::equals);
    }

    /** Starts to note what passes a machine's card, and gives the notes. */
    Path watchRouter(String filter) {
        return watch(ROUTER_NAMESPACE, filter);
    }

    /** The same at the neighbour. */
    Path watchNeighbour(String filter) {
        return watch(NEIGHBOUR_NAMESPACE, filter);
    }

    private Path watch(String namespace, String filter) {
        try {
            Path notes = Files.createTempFile("agentvm-lan", ".txt");
            files.add(notes);
            String command = "exec tcpdump -i " + CARD + " -nn -e -l '" + filter + "' >" + notes + " 2>&1";
            start(namespace, "sh", "-c", command);
            Awaitility.await().until(() -> Files.readString(notes), text -> text.contains("listening on"));
            return notes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void start(String namespace, String... command) {
        List<String> inside = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        inside.addAll(List.of(command));
        try {
            daemons.add(new ProcessBuilder(inside)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs a line of the shell at the neighbour; what it prints, whether it succeeds or not. */
    static String neighbour(String line) {
        return inside(NEIGHBOUR_NAMESPACE, line);
    }

    private static void router(String line) {
        String unused = inside(ROUTER_NAMESPACE, line);
    }

    /** What the neighbour's TCP connection to there gives: the banner, or the error. */
    static String connectFromNeighbour(String address, int port, int sourcePort) {
        return neighbour("timeout 4 socat -u TCP:" + address + ":" + port + ",connect-timeout=1.5,reuseaddr,sourceport="
                + sourcePort + " - 2>&1 || true");
    }

    /** The same of the router, from its public address, which the VMs' policy does not close. */
    static String connectFromRouter(String address, int port, int sourcePort) {
        return inside(
                ROUTER_NAMESPACE,
                "timeout 4 socat -u TCP:" + address + ":" + port + ",connect-timeout=1.5,reuseaddr,bind=81.2.70.2:"
                        + sourcePort + " - 2>&1 || true");
    }

    static String pingFromRouter(String address) {
        return inside(ROUTER_NAMESPACE, "ping -c 1 -W 1 -I 81.2.70.2 " + address + " || true");
    }

    static String routerMac() {
        return inside(ROUTER_NAMESPACE, "cat /sys/class/net/" + CARD + "/address");
    }

    private static String inside(String namespace, String line) {
        return Lab.host("ip", "netns", "exec", namespace, "sh", "-ec", line);
    }

    private static void sh(String line) {
        String unused = Lab.host("sh", "-ec", line);
    }

    @Override
    public void close() {
        daemons.forEach(Process::destroy);
        try {
            for (Process daemon : daemons) {
                daemon.waitFor(10, TimeUnit.SECONDS);
            }
            for (Path file : files) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        sh("ip link del " + ROUTER_PORT + "; ip link del " + NEIGHBOUR_PORT + "; ip link del lanup; ip netns del "
                + ROUTER_NAMESPACE + "; ip netns del "
                + NEIGHBOUR_NAMESPACE + "; ip link del " + BRIDGE
                + "; iptables -t nat -D POSTROUTING -s 81.2.70.2 -j MASQUERADE");
    }
}
