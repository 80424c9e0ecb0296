package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFileException.Reason;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Optional;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.jspecify.annotations.Nullable;

/** Reads a tree of this machine, following no links, and sends it as a tar stream. Used once. */
final class TreeReader {
    private static final int BLOCK = 10 * 1024;
    private static final int PIECE = 256 * 1024;

    private final Path source;
    private final CopyOptions options;
    private final Trouble trouble;
    private final Tally tally;
    private final byte[] piece = new byte[PIECE];

    private TreeReader(Path source, CopyOptions options, Trouble trouble) {
        this.source = source;
        this.options = options;
        this.trouble = trouble;
        this.tally = new Tally(options, trouble);
    }

    /** What is to be sent; it must be a file or a directory. */
    static TreeReader of(Path source, CopyOptions options, Trouble trouble) {
        try {
            Path real = source.toRealPath();
            if (!Files.isDirectory(real) && !Files.isRegularFile(real)) {
                throw trouble.of(Reason.HOST, source + " is neither a file nor a directory");
            }
            return new TreeReader(real, options, trouble);
        } catch (NoSuchFileException e) {
            throw trouble.of(Reason.HOST, source + " is not there", e);
        } catch (IOException e) {
            throw trouble.of(Reason.HOST, source + " cannot be read: " + e, e);
        }
    }

    /** The names of the directories in it, a NUL behind each, those above others before them. */
    byte[] directories() {
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        Tally counted = new Tally(options.withListener(Optional.empty()), trouble);
        try {
            Files.walkFileTree(source, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                    String name = name(source, directory);
                    if (isUndecodable(name)) {
                        return FileVisitResult.SKIP_SUBTREE;
                    }
                    if (!directory.equals(source)) {
                        counted.begin(0);
                        names.writeBytes(name.getBytes(StandardCharsets.UTF_8));
                        names.write(0);
                    }
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw unreadable(e);
        }
        return names.toByteArray();
    }

    private static String name(Path top, Path path) {
        return "./" + top.relativize(path);
    }

    /** What takes the place of bytes that are not UTF-8 is in no name that anybody gives. */
    private static boolean isUndecodable(String name) {
        return name.indexOf('\uFFFD') >= 0;
    }

    /** Sends it, and the end of it. */
    CopyReport send(GuestStream stream) {
        Guest guest = new Guest(stream);
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(
                new BufferedOutputStream(guest, PIECE), BLOCK, StandardCharsets.UTF_8.name())) {
            // What GNU's, BSD's and busybox's tar all know.
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_GNU);
            tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_STAR);
            Path top = Files.isDirectory(source) ? source : source.getParent();
            try {
                Files.walkFileTree(source, new Sender(tar, top == null ? source : top));
            } catch (IOException | RuntimeException | Error e) {
                guest.brokenOff = true;
                throw e;
            }
            return tally.report();
        } catch (IOException e) {
            // The library wraps whatever a stream throws.
            throw guest.failure == null ? unreadable(e) : guest.failure;
        }
    }

    private AgentVMException unreadable(IOException e) {
        return GuestStream.isInterrupt(e)
                ? trouble.interrupted(e)
                : trouble.of(Reason.HOST, source + " cannot be read: " + e, e);
    }

    /** The way to the guest; its failures are told apart from those of reading. */
    private static final class Guest extends OutputStream {
        private final GuestStream stream;
        private @Nullable AgentVMException failure;
        /** What breaks off gets no end, which the guest might take for that of a file, or of all. */
        private boolean brokenOff;

        Guest(GuestStream stream) {
            this.stream = stream;
        }

        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            if (failure != null || brokenOff) {
                return;
            }
            try {
                stream.input().write(bytes, offset, length);
            } catch (IOException e) {
                throw fail(e);
            }
        }

        @Override
        public void close() {
            if (brokenOff) {
                return;
            }
            try {
                stream.input().close();
            } catch (IOException e) {
                throw fail(e);
            }
        }

        private AgentVMException fail(IOException e) {
            AgentVMException reason = failure == null ? stream.unwritable(e) : failure;
            failure = reason;
            return reason;
        }
    }

    private final class Sender implements FileVisitor<Path> {
        private final TarArchiveOutputStream tar;
        private final Path top;

        Sender(TarArchiveOutputStream tar, Path top) {
            this.tar = tar;
            this.top = top;
        }

        private String name(Path path) {
            return TreeReader.name(top, path);
        }

        @Override
        public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) throws IOException {
            if (!directory.equals(top)) {
                if (isUndecodable(name(directory))) {
                    tally.leaveOut(name(directory));
                    return FileVisitResult.SKIP_SUBTREE;
                }
                tally.begin(0);
                tar.putArchiveEntry(entry(directory, TarConstants.LF_DIR, name(directory) + "/", attributes));
                tar.closeArchiveEntry();
                tally.end();
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            String link =
                    attributes.isSymbolicLink() ? Files.readSymbolicLink(file).toString() : "";
            if (isUndecodable(name(file)) || isUndecodable(link)) {
                tally.leaveOut(name(file));
            } else if (attributes.isSymbolicLink()) {
                tally.begin(0);
                TarArchiveEntry entry = entry(file, TarConstants.LF_SYMLINK, name(file), attributes);
                entry.setLinkName(link);
                tar.putArchiveEntry(entry);
                tar.closeArchiveEntry();
                tally.end();
            } else if (attributes.isRegularFile()) {
                tally.begin(attributes.size());
                TarArchiveEntry entry = entry(file, TarConstants.LF_NORMAL, name(file), attributes);
                entry.setSize(attributes.size());
                try (InputStream content = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
                    tar.putArchiveEntry(entry);
                    copy(file, content, attributes.size());
                }
                tar.closeArchiveEntry();
                tally.end();
            } else {
                tally.leaveOut(name(file));
            }
            return FileVisitResult.CONTINUE;
        }

        private TarArchiveEntry entry(Path path, byte kind, String name, BasicFileAttributes attributes)
                throws IOException {
            TarArchiveEntry entry = new TarArchiveEntry(name, kind);
            entry.setMode(attributes.isSymbolicLink() ? 0777 : mode(path));
            entry.setModTime(Math.max(0, attributes.lastModifiedTime().toMillis()));
            return entry;
        }

        /** Exactly as much as was announced. */
        private void copy(Path file, InputStream content, long size) throws IOException {
            long left = size;
            while (left > 0) {
                int count = content.read(piece, 0, (int) Math.min(left, piece.length));
                if (count < 0) {
                    throw trouble.of(Reason.HOST, file + " has become shorter while it was read");
                }
                tar.write(piece, 0, count);
                tally.copied(count);
                left -= count;
            }
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
            throw failure;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure) throws IOException {
            if (failure != null) {
                throw failure;
            }
            return FileVisitResult.CONTINUE;
        }
    }

    private static int mode(Path path) throws IOException {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS);
        return permissions.stream()
                .mapToInt(permission -> 0400 >> permission.ordinal())
                .sum();
    }
}
