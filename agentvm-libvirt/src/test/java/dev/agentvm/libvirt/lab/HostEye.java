package dev.agentvm.libvirt.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What the files of the host say of another program's VM, quickly enough to catch it in the midst of a step. */
final class HostEye {
    private static final Path JOURNALS = Path.of("/var/lib/agentvm/launches");
    private static final Path VOLUMES = Path.of("/var/lib/libvirt/agentvm");

    private final String name;
    private Optional<String> id = Optional.empty();

    HostEye(String name) {
        this.name = name;
    }

    /** Whether QEMU runs for it. */
    boolean runs() {
        return Files.exists(Path.of("/run/libvirt/qemu", name + ".pid"));
    }

    /** The size of that saved memory; less than 0 while there is no file. */
    long savedBytes(int number) {
        return id().map(known -> VOLUMES.resolve(known + "-" + number + ".save"))
                .filter(Files::exists)
                .map(file -> file.toFile().length())
                .orElse(-1L);
    }

    private Optional<String> id() {
        if (id.isEmpty()) {
            try (Stream<Path> files = Files.list(JOURNALS)) {
                id = files.flatMap(file -> lines(file).stream())
                        .map(line -> line.split("\t"))
                        .filter(line -> line.length == 3 && line[0].equals("vm") && line[2].equals(name))
                        .map(line -> line[1])
                        .findFirst();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return id;
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
