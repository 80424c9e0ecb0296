package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.libvirt.internal.capture.Headers.Icmp;
import dev.agentvm.libvirt.internal.capture.Headers.Ip;
import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The exchanges of one VM with others, of which it remembers the latest: which frame begins one, and which belongs to
 * one that has begun. Not thread-safe.
 */
final class Exchanges {
    /** More than a guest has open in honest work; one that opens more is told of some of them twice. */
    private static final int CAPACITY = 16_384;
    /** When nothing was seen of an exchange for so long it is over, unless it is TCP, whose end shows. */
    private static final long OVER_NANOS = Duration.ofMinutes(1).toNanos();
    /** Linux asks for a TCP connection again after 64 seconds at most, then it gives up. */
    private static final long UNANSWERED_NANOS = Duration.ofMinutes(2).toNanos();
    /**
     * A late answer is still known for one: the kernel lets those of UDP in for two minutes, or as long as it is told
     * to.
     */
    private static final long FORGOTTEN_NANOS = Duration.ofMinutes(5).toNanos();

    private static final int DHCP_SERVER = 67;
    private static final int DHCP_CLIENT = 68;
    private static final int ECHO_REQUEST = 8;
    /** Reserved by IANA; stands for the type of a fragment whose first part was not seen. */
    private static final int NO_ICMP_TYPE = 255;

    private final MacAddress own;
    private final Consumer<Exchange> onOver;
    private @Nullable Long missedNanos;
    private final Map<Parties, Exchange> known = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Parties, Exchange> eldest) {
            if (size() <= CAPACITY) {
                return false;
            }
            onOver.accept(eldest.getValue());
            return true;
        }
    };

    /**
     * What a frame has to do with an exchange.
     *
     * @param exchange which it is part of
     * @param part which part it is
     */
    record Sighting(Exchange exchange, Part part) {}

    /** What a frame is to an exchange. */
    enum Part {
        /** The first that was seen of it. */
        BEGIN,
        /** Another of whoever began. */
        MORE,
        /** One of the other side. */
        ANSWER,
        /** An ICMP error about what whoever began has sent, which came to nothing. */
        ERROR,
        /** An ICMP message about it that says nothing of its end. */
        REMARK
    }

    /**
     * Who began to speak with whom, and about what.
     *
     * @param falseSource the MAC address that the VM says is its own and is not; null if it says the truth, so that
     *     nothing passes for a part of an honest exchange that is none
     * @param from an address, and a port or what takes its place
     * @param to the same
     */
    private record Parties(
            boolean fromVM, @Nullable MacAddress falseSource, int etherType, int protocol, End from, End to)
            implements Comparable<Parties> {
        private static final Comparator<Parties> ORDER = Comparator.comparingInt(Parties::etherType)
                .thenComparingInt(Parties::protocol)
                .thenComparing(Parties::fromVM)
                .thenComparing(Parties::from)
                .thenComparing(Parties::to)
                .thenComparing(Parties::falseSource, End::compare);

        Parties reversed() {
            return new Parties(!fromVM, falseSource, etherType, protocol, to, from);
        }

        /**
         * A guest can choose addresses and ports so that all have the same hash: what has an order is found fast by
         * {@link java.util.HashMap} all the same.
         */
        @Override
        public int compareTo(Parties other) {
            return ORDER.compare(this, other);
        }
    }

    private record End(@Nullable Object address, int port) implements Comparable<End> {
        @Override
        public int compareTo(End other) {
            int byPort = Integer.compare(port, other.port);
            return byPort == 0 ? compare(address, other.address) : byPort;
        }

        /** Of one ethertype both are of the same kind. */
        private static int compare(@Nullable Object one, @Nullable Object other) {
            if (one == null || other == null) {
                return Boolean.compare(one != null, other != null);
            }
            return one instanceof IPv4Address first && other instanceof IPv4Address second
                    ? first.compareTo(second)
                    : one.toString().compareTo(other.toString());
        }
    }

    /**
     * Nothing has been seen of the VM of that MAC address.
     *
     * @param onOver is told of each exchange that is forgotten, or of which nothing was seen for so long that it is
     *     over; of one it may be told more than once
     */
    Exchanges(MacAddress own, Consumer<Exchange> onOver) {
        this.own = own;
        this.onOver = onOver;
    }

    /**
     * What the frame begins, or what it belongs to.
     *
     * @param fromVM whether the VM sends it
     * @param nanos the time, as {@link System#nanoTime} tells it
     */
    Sighting see(Headers frame, boolean fromVM, long nanos) {
        Ip ip = frame.ip();
        return ip == null ? see(other(frame, fromVM), frame, fromVM, nanos) : see(frame, ip, fromVM, nanos);
    }

    /** Frames have gone by unseen, so that exchanges may have begun that are not known. */
    void missed(long nanos) {
        missedNanos = nanos;
    }

    /** Tells of those that are over because nothing was seen of them, and forgets those of long ago. */
    void sweep(long nanos) {
        Iterator<Exchange> eldestFirst = known.values().iterator();
        while (eldestFirst.hasNext()) {
            Exchange exchange = eldestFirst.next();
            long silence = nanos - exchange.seenNanos();
            if (silence < OVER_NANOS) {
                return;
            }
            boolean tcp = exchange.flow().ipProtocol().orElse(-1) == Flow.TCP;
            if (!tcp || (!exchange.isAnswered() && silence >= UNANSWERED_NANOS)) {
                onOver.accept(exchange);
            }
            if ((!tcp || exchange.isOver()) && silence >= FORGOTTEN_NANOS) {
                eldestFirst.remove();
            }
        }
    }

    /** Tells of all, since nothing more will be seen of them. */
    void end() {
        known.values().forEach(onOver);
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

    private Sighting see(Headers frame, Ip ip, boolean fromVM, long nanos) {
        if (ip.cut()) {
            Parties pieces = pieces(frame, ip, fromVM, falseSource(frame, fromVM));
            if (ip.laterFragment() && pieces.falseSource() != null) {
                Sighting rewritten = known(pieces(frame, ip, true, null), nanos);
                if (rewritten != null) {
                    return rewritten;
                }
            }
            Sighting first = see(pieces, frame, fromVM, nanos);
            if (ip.laterFragment()) {
                return first;
            }
            // What the packet belongs to is told by its ports, and of its pieces nothing besides.
            first.exchange().leaveToAnother();
        }
        Icmp icmp = ip.icmp();
        // An error is sent to the one whose packet it is about; what is sent to another is something else.
        if (icmp != null
                && Icmp.isError(icmp.type())
                && icmp.about() != null
                && icmp.about().source().equals(ip.destination())) {
            Sighting about = known(parties(frame.etherType(), icmp.about(), !fromVM, null), nanos);
            if (about != null) {
                boolean refuses = about.part() == Part.MORE && icmp.isFinal();
                return new Sighting(about.exchange(), refuses ? Part.ERROR : Part.REMARK);
            }
        }
        Parties parties = parties(frame.etherType(), ip, fromVM, falseSource(frame, fromVM));
        Headers.Tcp tcp = ip.tcp();
        return tcp == null ? see(parties, frame, fromVM, nanos) : see(parties, tcp, frame, fromVM, nanos);
    }

    /**
     * What fragments of one packet have in common. When a host puts a packet together and sends it on in pieces, it may
     * write its own addresses into later pieces before they are read here (seen on Linux 6.18, with address translation).
     */
    private static Parties pieces(Headers frame, Ip ip, boolean fromVM, @Nullable MacAddress falseSource) {
        return new Parties(
                fromVM,
                falseSource,
                frame.etherType(),
                ip.protocol(),
                new End(fromVM && falseSource == null ? null : ip.source(), ip.id()),
                new End(ip.destination(), -1));
    }

    /** One that asks again for the same connection repeats itself; a new one between the same ports counts anew. */
    private Sighting see(Parties parties, Headers.Tcp tcp, Headers frame, boolean fromVM, long nanos) {
        Exchange same = known.get(parties);
        if (tcp.begins() && (same == null || same.sequence() != tcp.sequence())) {
            return begin(parties, tcp.sequence(), frame, fromVM, nanos);
        }
        Sighting part = known(parties, nanos);
        return part == null ? begin(parties, tcp.sequence(), frame, fromVM, nanos) : part;
    }

    private Sighting see(Parties parties, Headers frame, boolean fromVM, long nanos) {
        Sighting part = known(parties, nanos);
        return part == null ? begin(parties, 0, frame, fromVM, nanos) : part;
    }

    private Sighting begin(Parties parties, long sequence, Headers frame, boolean fromVM, long nanos) {
        boolean late = known.containsKey(parties.reversed())
                || known.size() >= CAPACITY
                || (missedNanos != null && nanos - missedNanos < FORGOTTEN_NANOS);
        boolean asks = frame.ip() != null
                && frame.ip().tcp() != null
                && frame.ip().tcp().begins();
        Exchange exchange = new Exchange(flow(frame, fromVM), nanos, sequence, asks, late);
        Exchange before = known.put(parties, exchange);
        if (before != null) {
            onOver.accept(before);
        }
        return new Sighting(exchange, Part.BEGIN);
    }

    private @Nullable Sighting known(Parties parties, long nanos) {
        Exchange begun = current(parties, nanos);
        if (begun != null) {
            return new Sighting(begun, Part.MORE);
        }
        Exchange answered = current(parties.reversed(), nanos);
        return answered == null ? null : new Sighting(answered, Part.ANSWER);
    }

    private @Nullable Exchange current(Parties parties, long nanos) {
        Exchange exchange = known.get(parties);
        if (exchange == null || (parties.protocol() != Flow.TCP && nanos - exchange.seenNanos() >= OVER_NANOS)) {
            return null;
        }
        exchange.seen(nanos);
        return exchange;
    }

    private static Parties parties(int etherType, Ip ip, boolean fromVM, @Nullable MacAddress falseSource) {
        Headers.Ports ports = ip.ports();
        int from = 0;
        int to = 0;
        if (ports != null) {
            if (isDhcp(ip.protocol(), ports, fromVM)) {
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

    private static boolean isDhcp(int protocol, Headers.Ports ports, boolean fromVM) {
        return protocol == Flow.UDP
                && ports.source() == (fromVM ? DHCP_CLIENT : DHCP_SERVER)
                && ports.destination() == (fromVM ? DHCP_SERVER : DHCP_CLIENT);
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
