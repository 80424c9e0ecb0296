package dev.agentvm.libvirt.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.CopyOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TreeReaderTest {
    @TempDir
    Path temporary;

    private final Trouble trouble = new Trouble("vm", "copyIn", "copying");
    private final Sent sent = new Sent();
    private final GuestStream stream = new GuestStream(new EndingProcess(new CompletableFuture<>()), trouble);

    /** What the guest hears. */
    private static final class Sent extends ByteArrayOutputStream {
        private boolean closed;

        @Override
        public void close() {
            closed = true;
        }
    }

    @BeforeEach
    void connect() throws IOException {
        stream.writeTo(sent);
        Files.writeString(temporary.resolve("file"), "x".repeat(300_000));
    }

    @Test
    void send_all_endsTheStream() {
        assertThat(TreeReader.of(temporary, CopyOptions.standard(), trouble)
                        .send(stream)
                        .entries())
                .isEqualTo(1);

        assertThat(sent.closed).isTrue();
        assertThat(sent.size()).isGreaterThan(300_000);
    }

    @Test
    void send_breaksOffInAFile_doesNotEndTheStream() {
        IllegalStateException failure = new IllegalStateException("enough");
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> {
                    throw failure;
                })
                .build();

        assertThatThrownBy(() -> TreeReader.of(temporary, options, trouble).send(stream))
                .isSameAs(failure);

        assertThat(sent.closed).isFalse();
    }

    @Test
    void send_breaksOffBetweenFiles_doesNotEndTheArchive() {
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> {
                    if (entries > 0) {
                        throw new IllegalStateException("enough");
                    }
                })
                .build();

        assertThatThrownBy(() -> TreeReader.of(temporary, options, trouble).send(stream))
                .hasMessage("enough");

        byte[] all = sent.toByteArray();
        assertThat(all).hasSizeGreaterThan(100_000);
        assertThat(Arrays.copyOfRange(all, all.length - 1024, all.length)).contains((byte) 'x');
        assertThat(sent.closed).isFalse();
    }
}
