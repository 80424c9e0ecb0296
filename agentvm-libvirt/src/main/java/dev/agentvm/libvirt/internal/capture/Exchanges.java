package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.capture.Headers.Icmp;
import dev.agentvm.libvirt.internal.capture.Headers.Ip;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.MacAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The exchanges of one VM with others, of which it remembers the latest: which frame begins one, and which belongs to one
 * that has begun. Not thread-safe.
 */
final class Exchanges {
    /** More than a guest has open in honest work; one that opens more is told of some of them twice. */
    private static final int CAPACITY = 16_384;
    /** When nothing was seen of an exchange for so long it is over, unless it is TCP. */
    private static final long OVER_NANOS = Duration.ofMinutes(1).toNanos();

    private static final int DHCP_SERVER = 67;
    private static final int DHCP_CLIENT = 68;
    private static final int ECHO_REQUEST = 8;
    /** Reserved by IANA; stands for the type of a fragment whose first part was not seen. */
    private static final int NO_ICMP_TYPE = 255;

    private final MacAddress own;
    private final Map<Parties, Progress> known = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Parties, Progress> eldest) {
            return size() > CAPACITY;
        }
    };

    /**
     * Who began to speak with whom, and about what.
     *
     * @param falseSource the MAC address that the VM says is its own and is not; null if it says the truth, so that nothing
     *     passes for a part of an honest exchange that is none
     * @param from an address, and a port or what takes its place
     * @param to the same
     */
    private record Parties(
            boolean fromVM, @Nullable MacAddress falseSource, int etherType, int protocol, End from, End to) {
        Parties reversed() {
            return new Parties(!fromVM, falseSource, etherType, protocol, to, from);
        }
    }

    private record End(@Nullable Object address, int port) {}

    /** When something was last seen of an exchange, and the number that a TCP connection began with. */
    private record Progress(long nanos, long sequence) {}

    /** Nothing has been seen of the VM of that MAC address. */
    Exchanges(MacAddress own) {
        this.own = own;
    }

    /**
     * What the frame begins, or empty if it belongs to what has begun.
     *
     * @param fromVM whether the VM sends it
     * @param nanos the time, as {@link System#nanoTime} tells it
     */
    Optional<Flow> begunBy(Headers frame, boolean fromVM, long nanos) {
        Ip ip = frame.ip();
        boolean begins = ip == null ? begins(other(frame, fromVM), nanos) : begins(frame, ip, fromVM, nanos);
        return begins ? Optional.of(flow(frame, fromVM)) : Optional.empty();
    }

    private Parties other(Headers frame, boolean fromVM) {
        Headers.Arp arp = frame.arp();
        End from = new End(arp == null ? frame.source() : arp.sender(), 0);
        End to = new End(arp == null ? null : arp.hardware(), 0);
        return new Parties(fromVM, falseSource(frame, fromVM), frame.etherType(), 0, from, to);
    }

    private @Nullable MacAddress falseSource(Headers frame, boolean fromVM) {
        return fromVM && !frame.source().equals(own) ? frame.source() : null;
    }

    private boolean begins(Headers frame, Ip ip, boolean fromVM, long nanos) {
        if (ip.cut()) {
            Parties pieces = new Parties(
                    fromVM,
                    falseSource(frame, fromVM),
                    frame.etherType(),
                    ip.protocol(),
                    new End(ip.source(), ip.id()),
                    new End(ip.destination(), -1));
            boolean first = begins(pieces, nanos);
            if (ip.laterFragment()) {
                return first;
            }
        }
        Icmp icmp = ip.icmp();
        // An error is sent to the one whose packet it is about.
        if (icmp != null
                && Icmp.isError(icmp.type())
                && icmp.about() != null
                && continues(parties(frame.etherType(), icmp.about(), !fromVM, null), nanos)) {
            return false;
        }
        Parties parties = parties(frame.etherType(), ip, fromVM, falseSource(frame, fromVM));
        Headers.Tcp tcp = ip.tcp();
        return tcp == null ? begins(parties, nanos) : begins(parties, tcp, nanos);
    }

    /** One that asks again for the same connection repeats itself; a new one between the same ports counts anew. */
    private boolean begins(Parties parties, Headers.Tcp tcp, long nanos) {
        Progress progress = known.get(parties);
        boolean same = progress != null && progress.sequence() == tcp.sequence();
        if (tcp.begins() ? same : progress != null || known.containsKey(parties.reversed())) {
            return false;
        }
        known.put(parties, new Progress(nanos, tcp.sequence()));
        return true;
    }

    private boolean begins(Parties parties, long nanos) {
        if (continues(parties, nanos)) {
            return false;
        }
        known.put(parties, new Progress(nanos, 0));
        return true;
    }

    private boolean continues(Parties parties, long nanos) {
        for (Parties candidate : new Parties[] {parties, parties.reversed()}) {
            Progress progress = known.get(candidate);
            if (progress != null && (candidate.protocol() == Flow.TCP || nanos - progress.nanos() < OVER_NANOS)) {
                known.put(candidate, new Progress(nanos, progress.sequence()));
                return true;
            }
        }
        return false;
    }

    private static Parties parties(int etherType, Ip ip, boolean fromVM, @Nullable MacAddress falseSource) {
        Headers.Ports ports = ip.ports();
        int from = 0;
        int to = 0;
        if (ports != null) {
            if (isDhcp(ip.protocol(), ports)) {
                // It begins without an address, so by its addresses an answer does not tell what it answers.
                return new Parties(
                        true,
                        falseSource,
                        etherType,
                        ip.protocol(),
                        new End(null, DHCP_CLIENT),
                        new End(null, DHCP_SERVER));
            }
            from = ports.source();
            to = ports.destination();
        }
        Icmp icmp = ip.icmp();
        if (icmp != null) {
            boolean reply = icmp.type() % 2 == 0 && icmp.type() != ECHO_REQUEST;
            from = reply ? 0 : icmp.id();
            to = reply ? icmp.id() : 0;
        }
        return new Parties(
                fromVM,
                falseSource,
                etherType,
                ip.protocol(),
                new End(ip.source(), from),
                new End(ip.destination(), to));
    }

    private static boolean isDhcp(int protocol, Headers.Ports ports) {
        return protocol == Flow.UDP
                && Math.min(ports.source(), ports.destination()) == DHCP_SERVER
                && Math.max(ports.source(), ports.destination()) == DHCP_CLIENT;
    }

    private Flow flow(Headers frame, boolean fromVM) {
        Flow.Builder flow = new Flow.Builder()
                .direction(fromVM ? Direction.FROM_VM : Direction.TO_VM)
                .etherType(frame.etherType())
                .sourceMac(frame.source());
        Headers.Arp arp = frame.arp();
        if (arp != null) {
            flow.source(arp.sender()).destination(arp.target());
            if (falseSource(frame, fromVM) == null) {
                // It may still say another address inside.
                flow.sourceMac(arp.hardware());
            }
        }
        Ip ip = frame.ip();
        if (ip != null) {
            flow.source(ip.source()).destination(ip.destination()).ipProtocol(ip.protocol());
            Headers.Ports ports = ip.ports();
            if (ports != null) {
                flow.sourcePort(ports.source()).destinationPort(ports.destination());
            } else if (ip.protocol() == Flow.TCP || ip.protocol() == Flow.UDP) {
                // A fragment whose first part was not seen has no port, and no rule opens this one.
                flow.destinationPort(0);
            }
            if (ip.protocol() == Flow.ICMP) {
                Icmp icmp = ip.icmp();
                flow.icmpType(icmp == null ? NO_ICMP_TYPE : icmp.type());
            }
        }
        return flow.build();
    }
}
