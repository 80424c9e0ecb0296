package dev.agentvm.libvirt.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.CopyOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
        Files.write(temporary.resolve("file"), new byte[300_000]);
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
}
