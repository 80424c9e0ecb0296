package dev.agentvm.testkit;

import dev.agentvm.testkit.Judgement.Outcome;
import java.util.List;
import java.util.Map;

/** Short words for tests of filters. */
final class Filters {
    static final String VM_MAC = "52:54:00:00:00:01";
    static final String VM_IP = "10.1.0.10";
    static final String GATEWAY_IP = "10.1.0.1";
    static final String INTERNET = "198.18.0.9";
    static final Nic NIC = Nic.of(VM_MAC, VM_IP);

    private Filters() {}

    static String filter(String name, String... entries) {
        return "<filter name='" + name + "'>" + String.join("", entries) + "</filter>";
    }

    static String chain(String name, String chain, String... entries) {
        return "<filter name='" + name + "' chain='" + chain + "'>" + String.join("", entries) + "</filter>";
    }

    static String rule(String action, String direction, int priority, String match) {
        return "<rule action='" + action + "' direction='" + direction + "' priority='" + priority + "'>" + match
                + "</rule>";
    }

    static String reference(String filter) {
        return "<filterref filter='" + filter + "'/>";
    }

    /** The filter {@code f} of those rules, in force. */
    static Simulation attach(String... rules) {
        return attach(Map.of(), rules);
    }

    static Simulation attach(Map<String, List<String>> parameters, String... rules) {
        return NwfilterSimulator.builder().filter(filter("f", rules)).build().attach("f", NIC, parameters);
    }

    static Packet.Builder out(Packet.Path path) {
        return NIC.sends(path).ipv4(VM_IP, path == Packet.Path.HOST ? GATEWAY_IP : INTERNET);
    }

    static Packet.Builder in(Packet.Path path) {
        return NIC.receives(path).ipv4(path == Packet.Path.HOST ? GATEWAY_IP : INTERNET, VM_IP);
    }

    static Packet tcpOut(int port) {
        return out(Packet.Path.ROUTED).tcp(40000, port).build();
    }

    static Packet udpOut(int port) {
        return out(Packet.Path.ROUTED).udp(40000, port).build();
    }

    static Outcome outcome(Simulation simulation, Packet packet) {
        return simulation.judge(packet).outcome();
    }
}
