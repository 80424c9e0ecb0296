package dev.agentvm.libvirt.lab;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.awaitility.Awaitility;

/** Listens at an interface of the lab, and tells whether a frame with a certain text in it came by. */
final class Capture implements AutoCloseable {
    private static final int FILE_HEADER = 24;
    private static final int RECORD_HEADER = 16;

    private final Path file;
    private final Process tcpdump;

    /** Listens from now on. */
    Capture(String networkInterface) throws IOException {
        file = Files.createTempFile("capture", ".pcap");
        Path said = Files.createTempFile("capture", ".txt");
        tcpdump = new ProcessBuilder("tcpdump", "-i", networkInterface, "-U", "-w", file.toString())
                .redirectError(said.toFile())
                .redirectOutput(new File("/dev/null"))
                .start();
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> Files.readString(said).contains("listening on"));
        Files.delete(said);
    }

    /** Whether {@code text} has come by. */
    boolean saw(String text) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(text);
    }

    /** How much has come by, in bytes; where {@link #frames} may begin. */
    long size() throws IOException {
        return Files.size(file);
    }

    /** The frames that have come by since {@code begin}, as {@link #size} told it. */
    List<byte[]> frames(long begin) throws IOException {
        List<byte[]> frames = new ArrayList<>();
        read(begin, (time, frame) -> frames.add(frame));
        return frames;
    }

    /** When such frames have come by, as the kernel tells it. */
    List<Instant> times(Predicate<byte[]> wanted) throws IOException {
        List<Instant> times = new ArrayList<>();
        read(FILE_HEADER, (time, frame) -> {
            if (wanted.test(frame)) {
                times.add(time);
            }
        });
        return times;
    }

    /** Reads what pcap-savefile(5) describes. */
    private void read(long begin, BiConsumer<Instant, byte[]> reader) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.nativeOrder());
        bytes.position((int) Math.max(begin, FILE_HEADER));
        while (bytes.remaining() >= RECORD_HEADER) {
            long second = Integer.toUnsignedLong(bytes.getInt());
            Instant time = Instant.ofEpochSecond(second).plus(bytes.getInt(), ChronoUnit.MICROS);
            byte[] frame = new byte[bytes.getInt()];
            bytes.getInt();
            if (bytes.remaining() < frame.length) {
                break;
            }
            bytes.get(frame);
            reader.accept(time, frame);
        }
    }

    @Override
    public void close() throws IOException {
        tcpdump.destroyForcibly();
        tcpdump.onExit().join();
        Files.deleteIfExists(file);
    }
}
