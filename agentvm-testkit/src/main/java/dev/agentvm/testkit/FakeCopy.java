package dev.agentvm.testkit;

import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.spi.GuestPaths;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;

/** A copy between this machine and a fake guest, which is never hostile. Used once. */
final class FakeCopy {
    private static final long STEP = 1024 * 1024;
    private static final Set<PosixFilePermission> WRITE_OF_OTHERS = PosixFilePermissions.fromString("----w--w-");

    private final CopyOptions options;
    private final Function<Refusal, GuestFileException> refuse;
    private final List<String> leftOut = new ArrayList<>();
    private final List<String> narrowed = new ArrayList<>();
    private long entries;
    private long bytes;

    /** Why a copy is not made. */
    record Refusal(Reason reason, String words) {}

    FakeCopy(CopyOptions options, Function<Refusal, GuestFileException> refuse) {
        this.options = options;
        this.refuse = refuse;
    }

    private GuestFileException refusal(Reason reason, String words) {
        return refuse.apply(new Refusal(reason, words));
    }

    void requireReadable(Path source) {
        if (!Files.isDirectory(source) && !Files.isRegularFile(source)) {
            throw refusal(Reason.HOST, source + " is neither a file nor a directory");
        }
    }

    void requireFree(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        if (!Files.isDirectory(directory)) {
            throw refusal(Reason.NOT_A_DIRECTORY, directory + " is no directory");
        }
        try (Stream<Path> inside = Files.list(directory)) {
            if (inside.findAny().isPresent()) {
                throw refusal(Reason.NOT_EMPTY, "the directory must be empty or not there, and holds something");
            }
        }
    }

    /** @param alive throws if the copy cannot go on */
    CopyReport in(Path source, String directory, GuestFiles files, long uid, Runnable alive) throws IOException {
        Path real = source.toRealPath();
        Path top = Files.isDirectory(real) ? real : real.resolve("..").normalize();
        List<Path> all;
        try (Stream<Path> walk = Files.walk(real)) {
            all = walk.filter(path -> !path.equals(top)).sorted().toList();
        }
        for (Path path : all) {
            String name = top.relativize(path).toString();
            GuestFile.Kind kind = kind(path);
            if (kind == GuestFile.Kind.OTHER) {
                leftOut.add(name);
                continue;
            }
            byte[] content = kind == GuestFile.Kind.FILE ? Files.readAllBytes(path) : new byte[0];
            begin(content.length);
            files.put(
                    (directory.equals("/") ? "" : directory) + "/" + name,
                    new GuestFiles.Node(
                            kind,
                            content,
                            kind == GuestFile.Kind.LINK
                                    ? Files.readSymbolicLink(path).toString()
                                    : "",
                            kind == GuestFile.Kind.LINK ? "0777" : octal(path),
                            uid,
                            Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS)
                                    .toInstant()));
            end(content.length, alive);
        }
        return new CopyReport(entries, bytes, leftOut);
    }

    private static GuestFile.Kind kind(Path path) {
        if (Files.isSymbolicLink(path)) {
            return GuestFile.Kind.LINK;
        }
        if (Files.isDirectory(path)) {
            return GuestFile.Kind.DIRECTORY;
        }
        return Files.isRegularFile(path) ? GuestFile.Kind.FILE : GuestFile.Kind.OTHER;
    }

    /** @param alive throws if the copy cannot go on */
    CopyReport out(Map<String, GuestFiles.Node> nodes, Path directory, Runnable alive) throws IOException {
        Path target = directory.toAbsolutePath().normalize();
        Path part = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".agentvm-part");
        try {
            Files.createDirectory(part);
            for (Map.Entry<String, GuestFiles.Node> entry : nodes.entrySet()) {
                write(entry.getKey(), entry.getValue(), part, alive);
            }
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
            return new CopyReport(entries, bytes, leftOut, narrowed);
        } finally {
            remove(part);
        }
    }

    private void write(String name, GuestFiles.Node node, Path part, Runnable alive) throws IOException {
        Path path = part.resolve(name);
        if (node.is(GuestFile.Kind.LINK)) {
            int depth = part.relativize(path).getNameCount() - 1;
            if (!options.outsideLinks() && !GuestPaths.staysInside(depth, node.target())) {
                leftOut.add(name);
                return;
            }
        }
        begin(node.content().length);
        switch (node.kind()) {
            case DIRECTORY -> Files.createDirectory(path);
            case LINK -> Files.createSymbolicLink(path, Path.of(node.target()));
            default -> {
                Files.write(path, node.content());
                Files.setLastModifiedTime(path, FileTime.from(node.modified()));
            }
        }
        if (!node.is(GuestFile.Kind.LINK)) {
            Set<PosixFilePermission> permissions = permissions(node.permissions());
            if (node.is(GuestFile.Kind.DIRECTORY)) {
                permissions.addAll(PosixFilePermissions.fromString("rwx------"));
            }
            if (!options.writableByOthers() && permissions.removeAll(WRITE_OF_OTHERS)) {
                narrowed.add(name);
            }
            Files.setPosixFilePermissions(path, permissions);
        }
        end(node.content().length, alive);
    }

    private void begin(long size) {
        if (entries + leftOut.size() >= options.maxEntries()) {
            throw refusal(Reason.TOO_BIG, "it has more than " + options.maxEntries() + " entries");
        }
        if (size > options.maxBytes() - bytes) {
            throw refusal(Reason.TOO_BIG, "it holds more than " + options.maxBytes() + " bytes");
        }
    }

    private void end(long size, Runnable alive) {
        for (long left = size; left > STEP; left -= STEP) {
            bytes += STEP;
            tell(alive);
        }
        bytes += size == 0 ? 0 : (size - 1) % STEP + 1;
        entries++;
        tell(alive);
    }

    private void tell(Runnable alive) {
        options.listener().ifPresent(listener -> listener.onProgress(entries, bytes));
        alive.run();
    }

    private static String octal(Path path) throws IOException {
        int mode = Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS).stream()
                .mapToInt(permission -> 0400 >> permission.ordinal())
                .sum();
        return String.format("%04o", mode);
    }

    private static Set<PosixFilePermission> permissions(String octal) {
        int mode = Integer.parseInt(octal, 8);
        Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
        for (PosixFilePermission permission : PosixFilePermission.values()) {
            if ((mode & (0400 >> permission.ordinal())) != 0) {
                permissions.add(permission);
            }
        }
        return permissions;
    }

    private static void remove(Path part) throws IOException {
        if (Files.exists(part)) {
            try (Stream<Path> walk = Files.walk(part)) {
                for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }
}
