package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket.Frame;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.testkit.Packet;
import dev.agentvm.testkit.Packet.Path;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What is told of a tap whose frames are here. */
class TapWatchTest {
    private static final String VM_MAC = "52:54:c0:a8:65:0a";
    private static final String VM = "192.168.101.10";
    private static final String WWW = "140.82.112.3";
    private static final int FRAMES = 100;
    private static final int ETHERTYPE_IPV6 = 0x86dd;

    private final CollectedEvents events = new CollectedEvents();
    private final Queue<Frame> frames = new ArrayDeque<>();
    private Optional<NetworkPolicy> policy = Optional.of(NetworkPolicy.agentDefault());
    private final Judge judge = new Judge() {
        @Override
        public Optional<Verdict> judge(Flow flow) {
            return policy.map(known -> known.evaluate(flow));
        }

        @Override
        public Optional<Object> version() {
            return policy.map(Object.class::cast);
        }
    };
    private final TapWatch watch = new TapWatch(
            new QueuedTap(),
            MacAddress.of(VM_MAC),
            new Observer(events.source(), judge, flow -> Optional.empty()),
            judge,
            Clock.fixed(Instant.EPOCH, ZoneOffset.UTC));

    private final class QueuedTap implements Tap {
        @Override
        public Frame receive() {
            return frames.poll();
        }

        @Override
        public long takeLost() {
            return 0;
        }

        @Override
        public boolean isGone() {
            return false;
        }

        @Override
        public boolean lags() {
            return false;
        }

        @Override
        public void close() {
            frames.clear();
        }
    }

    private void seen(boolean towards, byte[] frame) {
        frames.add(new Frame(ByteBuffer.wrap(frame), towards, Optional.empty()));
    }

    private void read() {
        boolean more = true;
        while (more) {
            more = watch.read();
        }
    }

    private static Packet.Builder fromVM() {
        return Packet.fromVM(Path.ROUTED).from(VM_MAC);
    }

    @Test
    void exchange_begunBeforeItsPolicyIsKnown_isToldOnceThatIs() {
        byte[] chatter = fromVM().etherType(ETHERTYPE_IPV6).build().toFrame();
        policy = Optional.empty();
        seen(false, chatter);
        seen(false, chatter);
        read();
        assertThat(events.all()).isEmpty();

        policy = Optional.of(NetworkPolicy.agentDefault());
        seen(false, chatter);
        seen(false, chatter);
        read();

        assertThat(events.of(ConnectionDenied.class))
                .singleElement()
                .satisfies(event -> assertThat(event.flow().etherType()).isEqualTo(ETHERTYPE_IPV6));
        assertThat(watch.log().attempts())
                .extracting(attempt -> attempt.verdict().isPresent())
                .containsExactly(false, true);
    }

    @Test
    void packet_inPieces_isOneAttempt() {
        Packet packet = fromVM().ipv4(VM, WWW)
                .udp(4000, 8080)
                .payload(new byte[16])
                .identification(1)
                .build();
        packet.fragments(8).forEach(piece -> seen(false, piece.toFrame()));

        read();

        assertThat(events.of(ConnectionDenied.class))
                .singleElement()
                .satisfies(event -> assertThat(event.flow().destinationPort()).hasValue(8080));
        assertThat(watch.log().attempts()).hasSize(1);
    }

    @Property(tries = 2_000)
    void frames_damagedInAnyWayAndOrder_areReadToTheirEnd(@ForAll Random random) {
        List<Packet> honest = List.of(
                fromVM().ipv4(VM, WWW).tcp(4000, 443).build(),
                fromVM().ipv4(VM, WWW).tcp(4000, 443, "FIN,ACK").build(),
                Packet.toVM(Path.ROUTED).ipv4(WWW, VM).tcp(443, 4000, "SYN,ACK").build(),
                Packet.toVM(Path.ROUTED).ipv4(WWW, VM).tcp(443, 4000, "RST").build(),
                fromVM().ipv4(VM, "192.168.101.1").udp(5000, 53).build(),
                Packet.toVM(Path.ROUTED).ipv4("192.168.101.1", VM).udp(53, 5000).build(),
                fromVM().ipv4(VM, WWW).icmp(8, 0).build(),
                Packet.toVM(Path.ROUTED).ipv4(WWW, VM).icmp(3, 1).build(),
                fromVM().etherType(ETHERTYPE_IPV6).build());
        // Of all that were seen in earlier tries it goes on.
        events.all().clear();
        long lost = watch.log().lost();
        for (int i = 0; i < FRAMES; i++) {
            Packet packet = honest.get(random.nextInt(honest.size()));
            seen(packet.direction() == Packet.Direction.TO_VM, damaged(packet.toFrame(), random));
        }

        read();
        watch.sweep();

        assertThat(watch.log().limitation()).isEmpty();
        assertThat(watch.log().lost() - lost).isLessThan(FRAMES);
    }

    private static byte[] damaged(byte[] frame, Random random) {
        byte[] bytes = frame.clone();
        for (int flips = random.nextInt(4); flips > 0; flips--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
        return random.nextInt(4) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 1)) : bytes;
    }
}
