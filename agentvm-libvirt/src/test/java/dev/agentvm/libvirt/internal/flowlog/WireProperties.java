package dev.agentvm.libvirt.internal.flowlog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.flowlog.Wire.MalformedException;
import dev.agentvm.libvirt.internal.flowlog.Wire.Message;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket.Frame;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class WireProperties {
    @Property
    void frame_written_isReadAgain(
            @ForAll @Size(max = 2048) byte[] bytes,
            @ForAll boolean towards,
            @ForAll boolean tagged,
            @ForAll @IntRange(max = 65535) int tag)
            throws MalformedException {
        Frame frame = new Frame(ByteBuffer.wrap(bytes), towards, tagged ? Optional.of(tag) : Optional.empty());
        ByteBuffer out = ByteBuffer.allocate(Wire.LONGEST_MESSAGE);
        Wire.putFrame(out, frame);

        Message message = Wire.next(out.flip());

        assertThat(message).isNotNull();
        assertThat(message.type()).isEqualTo(Wire.Type.FRAME);
        assertThat(Wire.frame(message.body())).isEqualTo(frame);
        assertThat(out.hasRemaining()).isFalse();
    }

    @Property
    void bytes_ofAnyKind_areMessagesOrTooFewOrMalformed(@ForAll @Size(max = 4096) byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        try {
            for (Message message = Wire.next(in); message != null; message = Wire.next(in)) {
                assertThat(message.body().remaining()).isLessThan(Wire.LONGEST_MESSAGE);
                switch (message.type()) {
                    case FRAME -> assertThat(Wire.frame(message.body())).isNotNull();
                    case LOST -> assertThat(Wire.lost(message.body())).isNotNegative();
                    case REFUSED -> assertThat(Wire.reason(message.body())).isNotNull();
                    default -> assertThat(message.body()).isNotNull();
                }
            }
        } catch (MalformedException e) {
            assertThat(e).hasMessageContaining("bytes");
        }
    }

    @Property
    void request_ofAnyBytes_isReadOnlyIfItIsOne(
            @ForAll @Size(max = 40) byte[] bytes, @ForAll long most, @ForAll long least) {
        UUID vm = new UUID(most, least);
        assertThat(Wire.vm(Wire.request(vm))).contains(vm);
        Optional<UUID> read = Wire.vm(ByteBuffer.wrap(bytes));
        assertThat(read.isEmpty() || ByteBuffer.wrap(bytes).equals(Wire.request(read.get())))
                .isTrue();
    }
}
