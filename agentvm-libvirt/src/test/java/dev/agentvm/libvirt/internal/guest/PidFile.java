package dev.agentvm.libvirt.internal.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file to which a program of a test has written its process number. */
final class PidFile {
    private PidFile() {}

    /** Whether that process runs; not one that has ended and that nobody has asked after yet. */
    static boolean isAlive(Path file) {
        try {
            String pid = Files.readString(file).strip();
            if (pid.isEmpty()) {
                return false;
            }
            String stat = Files.readString(Path.of("/proc", pid, "stat"), StandardCharsets.ISO_8859_1);
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException e) {
            return false;
        }
    }

    static ProcessHandle process(Path file) throws IOException {
        long pid = Long.parseLong(Files.readString(file).strip());
        return ProcessHandle.of(pid).orElseThrow();
    }
}
