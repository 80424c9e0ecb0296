package dev.agentvm.testkit;

import dev.agentvm.testkit.internal.nwfilter.Host;
import java.util.List;

/**
 * A filter in force on one interface of a host, with the host's memory of connections: the order of packets matters.
 * Made by {@link NwfilterSimulator#attach}. Safe for use by several threads; packets are judged one after the other.
 */
public final class Simulation {
    private final Host host;

    Simulation(Host host) {
        this.host = host;
    }

    /**
     * What becomes of a packet. The connection that an accepted packet begins is known from then on.
     *
     * <p>A fragment passes the frame rules on its own. Where connections are tracked the IP rules see its datagram put
     * together again, so each fragment shares the datagram's fate there, the other fragments being taken for granted.
     *
     * <p>Time stands still: no connection expires, and a connection limit never counts a connection whose first packet was
     * dropped, as the kernel does for some milliseconds.
     */
    public synchronized Judgement judge(Packet packet) {
        Host.Verdict verdict = host.judge(packet.data());
        return new Judgement(packet, verdict.outcome(), verdict.answered(), verdict.steps());
    }

    /** Forgets all connections, as {@code conntrack -F} does. */
    public synchronized void forgetConnections() {
        host.forget();
    }

    /** Where libvirt did something that the filters do not say, and where an order is not promised. */
    public List<String> notes() {
        return host.notes();
    }

    /** The rules as libvirt hands them to ebtables, iptables and ip6tables, by the names that chains have in the end. */
    public List<String> commands() {
        return host.commands();
    }
}
