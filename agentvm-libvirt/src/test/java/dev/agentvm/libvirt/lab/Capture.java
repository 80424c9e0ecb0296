package dev.agentvm.libvirt.lab;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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

    /** The frames that have come by since {@code begin}, as {@link #size} told it (pcap-savefile(5)). */
    List<byte[]> frames(long begin) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.nativeOrder());
        bytes.position((int) Math.max(begin, FILE_HEADER));
        List<byte[]> frames = new ArrayList<>();
        while (bytes.remaining() >= RECORD_HEADER) {
            int length = bytes.getInt(bytes.position() + 8);
            if (bytes.remaining() < RECORD_HEADER + length) {
                break;
            }
            byte[] frame = new byte[length];
            bytes.position(bytes.position() + RECORD_HEADER).get(frame);
            frames.add(frame);
        }
        return frames;
    }

    @Override
    public void close() throws IOException {
        tcpdump.destroyForcibly();
        tcpdump.onExit().join();
        Files.deleteIfExists(file);
    }
}
