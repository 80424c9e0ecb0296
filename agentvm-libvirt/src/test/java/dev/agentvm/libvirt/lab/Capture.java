package dev.agentvm.libvirt.lab;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;

/** Listens at an interface of the lab, and tells whether a frame with a certain text in it came by. */
final class Capture implements AutoCloseable {
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

    @Override
    public void close() throws IOException {
        tcpdump.destroyForcibly();
        tcpdump.onExit().join();
        Files.deleteIfExists(file);
    }
}
