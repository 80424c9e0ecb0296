package dev.agentvm.benchmarks;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.ByteSink;
import dev.agentvm.libvirt.internal.connection.ByteStream;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A spare port as a raw pipe between a file in the guest and one of the host: a program that guest-exec starts, and
 * libvirt's stream, with nothing else.
 */
final class RawPort {
    private static final String NAME = "dev.agentvm.bulk.1";
    private static final int BLOCK = 64 * 1024;
    private static final int PIECE = 1024 * 1024;
    private static final long PATIENCE_SECONDS = 300;
    private static final Duration CALL = Duration.ofSeconds(30);
    private static final String OPEN = """
            for file in /sys/class/virtio-ports/*/name; do
              [ "$(cat $file)" != %s ] || port=${file%%/name}
            done
            exec 3<>/dev/${port##*/}
            """.formatted(NAME);

    /** Closed only when all has come, since QEMU drops the rest. */
    private static final String AWAIT_ANSWER = "read -r line <&3\n";

    private final Libvirt libvirt;
    private final DomainRef domain;

    RawPort(Libvirt libvirt, DomainRef domain) {
        this.libvirt = libvirt;
        this.domain = domain;
    }

    /** Seconds until the guest has so many blocks of 64 KiB in a file. */
    double in(Path from, String to, int size) throws IOException {
        String script = OPEN + "dd bs=" + BLOCK + " count=" + size / BLOCK + " iflag=fullblock <&3 >" + to
                + "\necho >&3\n" + AWAIT_ANSWER;
        Counter counter = new Counter(1, bytes -> {});
        try (FileChannel file = FileChannel.open(from, StandardOpenOption.READ);
                ByteStream stream = libvirt.consoles().openChannel(domain, NAME, counter)) {
            long begin = System.nanoTime();
            start(script);
            ByteBuffer piece = ByteBuffer.allocate(PIECE);
            while (file.read(piece.clear()) > 0) {
                stream.send(piece.flip());
            }
            double seconds = seconds(begin, counter);
            answer(stream);
            return seconds;
        }
    }

    /** Seconds until a file of the host has so many bytes of one in the guest. */
    double out(String from, Path to, int size) throws IOException {
        try (FileChannel file = FileChannel.open(to, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            Counter counter = new Counter(size, file::write);
            try (ByteStream stream = libvirt.consoles().openChannel(domain, NAME, counter)) {
                long begin = System.nanoTime();
                start(OPEN + "cat " + from + " >&3\n" + AWAIT_ANSWER);
                double seconds = seconds(begin, counter);
                answer(stream);
                return seconds;
            }
        }
    }

    private static void answer(ByteStream stream) {
        stream.send(ByteBuffer.wrap(new byte[] {'\n'}));
    }

    private void start(String script) {
        String json = script.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
        String unused = libvirt.agents()
                .command(
                        domain,
                        "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"" + json
                                + "\"]}}",
                        CALL);
    }

    private static double seconds(long begin, Counter counter) {
        counter.complete.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
        return (System.nanoTime() - begin) / 1e9;
    }

    private interface Taker {
        void take(ByteBuffer bytes) throws IOException;
    }

    /** Counts what comes. */
    private static final class Counter implements ByteSink {
        private final CompletableFuture<Void> complete = new CompletableFuture<>();
        private final long all;
        private final Taker taker;
        private long count;

        Counter(long all, Taker taker) {
            this.all = all;
            this.taker = taker;
        }

        @Override
        public void bytes(ByteBuffer bytes) {
            count += bytes.remaining();
            try {
                taker.take(bytes);
            } catch (IOException e) {
                complete.completeExceptionally(e);
            }
            if (count >= all) {
                complete.complete(null);
            }
        }

        @Override
        public void end(Optional<AgentVMException> failure) {
            complete.completeExceptionally(new IllegalStateException("the raw port has ended too soon"));
        }
    }
}
