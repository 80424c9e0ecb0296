package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import org.awaitility.Awaitility;

/** The library's threads, and this process's file descriptors by what they are. */
record Leaks(TreeMap<String, Integer> descriptors) {
    static Leaks now() {
        assertNoThreads();
        return new Leaks(openDescriptors());
    }

    /** Descriptors may come and go by others' doing, such as jar files; sockets and pipes are libvirt's. */
    void assertNone() {
        assertNoThreads();
        assertThat(openDescriptors()).isEqualTo(descriptors);
    }

    /** A pool has terminated a moment before the last of its threads is gone. */
    static void assertNoThreads() {
        Awaitility.await()
                .atMost(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(libraryThreads()).isEmpty());
    }

    static List<String> libraryThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("agentvm-libvirt-"))
                .sorted()
                .toList();
    }

    private static TreeMap<String, Integer> openDescriptors() {
        TreeMap<String, Integer> kinds = new TreeMap<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path descriptor : all) {
                String target = target(descriptor);
                if (target.startsWith("socket:") || target.startsWith("pipe:") || target.startsWith("anon_inode:")) {
                    kinds.merge(target.substring(0, target.indexOf(':')), 1, Integer::sum);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return kinds;
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException e) {
            return "gone:";
        }
    }
}
