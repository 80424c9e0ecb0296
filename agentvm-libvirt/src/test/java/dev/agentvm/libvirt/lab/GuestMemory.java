package dev.agentvm.libvirt.lab;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** All memory of a VM, its guest's included, as the host's kernel shows that of the process which runs it. */
final class GuestMemory {
    private static final Pattern REGION = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) rw-.*");
    private static final int PIECE = 1 << 20;

    private final Path process;

    private GuestMemory(Path process) {
        this.process = process;
    }

    static GuestMemory of(String vmName) throws IOException {
        String pid = Files.readString(Path.of("/run/libvirt/qemu", vmName + ".pid"));
        return new GuestMemory(Path.of("/proc", pid.strip()));
    }

    /** What in it begins with {@code start} and goes on as {@code whole}, which is at most 100 bytes long. */
    Set<String> find(String start, Pattern whole) throws IOException {
        Set<String> found = new TreeSet<>();
        byte[] wanted = start.getBytes(StandardCharsets.ISO_8859_1);
        byte[] piece = new byte[PIECE + 100];
        try (RandomAccessFile memory =
                new RandomAccessFile(process.resolve("mem").toFile(), "r")) {
            for (String line : Files.readAllLines(process.resolve("maps"))) {
                Matcher region = REGION.matcher(line);
                if (region.matches()) {
                    long end = Long.parseLong(region.group(2), 16);
                    for (long at = Long.parseLong(region.group(1), 16); at < end; at += PIECE) {
                        memory.seek(at);
                        int length = memory.read(piece, 0, (int) Math.min(piece.length, end - at));
                        search(piece, length, wanted, whole, found);
                    }
                }
            }
        }
        return found;
    }

    private static void search(byte[] piece, int length, byte[] wanted, Pattern whole, Set<String> found) {
        for (int at = 0; at < length - wanted.length; at++) {
            if (piece[at] == wanted[0] && startsWith(piece, at, wanted)) {
                Matcher matcher =
                        whole.matcher(new String(piece, at, Math.min(100, length - at), StandardCharsets.ISO_8859_1));
                if (matcher.lookingAt()) {
                    found.add(matcher.group());
                }
            }
        }
    }

    private static boolean startsWith(byte[] piece, int at, byte[] wanted) {
        for (int i = 1; i < wanted.length; i++) {
            if (piece[at + i] != wanted[i]) {
                return false;
            }
        }
        return true;
    }
}
