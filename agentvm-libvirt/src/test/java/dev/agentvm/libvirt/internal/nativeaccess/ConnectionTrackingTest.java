package dev.agentvm.libvirt.internal.nativeaccess;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.nativeaccess.ConnectionTracking.Counters;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConnectionTrackingTest {
    /** An answer of the kernel, with 300 bytes there, 4000 back and that state of a TCP connection. */
    private static Map<Integer, byte[]> answer(int state) {
        ByteBuffer answer = ByteBuffer.allocate(128).order(ByteOrder.nativeOrder());
        answer.position(16 + 4);
        nested(answer, 4, 12);
        nested(answer, 1, 8);
        answer.putShort((short) 5).putShort((short) 1).put((byte) state).put(new byte[3]);
        bytes(answer, 9, 300);
        bytes(answer, 10, 4000);
        return new Netlink.Message(answer.flip()).attributes();
    }

    private static void nested(ByteBuffer answer, int type, int content) {
        answer.putShort((short) (4 + content)).putShort((short) (0x8000 | type));
    }

    private static void bytes(ByteBuffer answer, int type, long count) {
        nested(answer, type, 12);
        answer.putShort((short) 12).putShort((short) 2);
        answer.order(ByteOrder.BIG_ENDIAN).putLong(count).order(ByteOrder.nativeOrder());
    }

    @Test
    void counters_establishedConnection_isOpen() {
        assertThat(ConnectionTracking.counters(answer(3))).isEqualTo(Optional.of(new Counters(300, 4000, true)));
        assertThat(ConnectionTracking.counters(answer(5)).orElseThrow().open()).isTrue();
    }

    @Test
    void counters_endSeen_isNotOpen() {
        for (int state : new int[] {0, 6, 7, 8}) {
            assertThat(ConnectionTracking.counters(answer(state)).orElseThrow().open())
                    .as("state %d", state)
                    .isFalse();
        }
    }
}
