package dev.agentvm.libvirt.internal.files;

import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.libvirt.internal.guest.Excerpt;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a tree that a guest has sent, into a directory beside the wanted one, which takes its place when all is there. Used
 * by one thread.
 *
 * <p>Nothing that is written leads anywhere else: each directory is opened from the one above it, by an open file and one
 * name, and links are never followed ({@code openat} with {@code O_NOFOLLOW}). What Java can only make by a path, directories
 * and links, is made under a fixed name in a directory of its own and moved ({@code renameat}).
 */
final class TreeWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TreeWriter.class);
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> OF_OWNER = PosixFilePermissions.asFileAttribute(OWNER);
    private static final FileAttribute<Set<PosixFilePermission>> FILE_OF_OWNER =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final int USUAL_MODE = 0755;
    private static final int SHOWN = 200;
    private static final Path NEW = Path.of("new");

    private final Path target;
    private final Path staging;
    private final Path tree;
    private final Path workbench;
    private final Trouble trouble;
    private final SecureDirectoryStream<Path> root;
    private final SecureDirectoryStream<Path> bench;
    /** Entries come directory by directory, so the last one's is kept open. */
    private List<String> openPath = List.of();

    private @Nullable SecureDirectoryStream<Path> open;
    private int made;

    private TreeWriter(Path target, Path staging, Trouble trouble) throws IOException {
        this.target = target;
        this.staging = staging;
        this.trouble = trouble;
        this.tree = Files.createDirectory(staging.resolve("tree"), OF_OWNER);
        this.workbench = Files.createDirectory(staging.resolve("bench"), OF_OWNER);
        this.root = secure(tree);
        try {
            setMode(root, USUAL_MODE);
            this.bench = secure(workbench);
        } catch (IOException | RuntimeException e) {
            closeQuietly(root);
            throw e;
        }
    }

    /** Writes what is to become that directory, which must be empty or not there, in a directory that is. */
    static TreeWriter to(Path directory, Trouble trouble) {
        try {
            Path target = Files.exists(directory)
                    ? directory.toRealPath()
                    : directory.toAbsolutePath().normalize();
            requireFree(target, trouble);
            Path name = target.getFileName();
            if (name == null) {
                throw trouble.of(Reason.NOT_EMPTY, "the directory is this machine's root");
            }
            byte[] random = new byte[8];
            RANDOM.nextBytes(random);
            Path staging =
                    target.resolveSibling("." + name + "." + HexFormat.of().formatHex(random) + ".agentvm-part");
            Files.createDirectory(staging, OF_OWNER);
            try {
                return new TreeWriter(target, staging, trouble);
            } catch (IOException | RuntimeException e) {
                remove(staging);
                throw e;
            }
        } catch (IOException e) {
            throw host(trouble, e);
        }
    }

    private static void requireFree(Path target, Trouble trouble) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(target)) {
            if (entries.iterator().hasNext()) {
                throw trouble.of(Reason.NOT_EMPTY, "the directory must be empty or not there, and holds something");
            }
        } catch (NoSuchFileException e) {
            return;
        } catch (NotDirectoryException e) {
            throw trouble.of(Reason.NOT_A_DIRECTORY, target + " is no directory", e);
        }
    }

    @SuppressWarnings("StreamResourceLeak")
    private static SecureDirectoryStream<Path> secure(Path directory) throws IOException {
        DirectoryStream<Path> stream = Files.newDirectoryStream(directory);
        if (stream instanceof SecureDirectoryStream<Path> secure) {
            return secure;
        }
        stream.close();
        throw new IOException("its file system cannot open files relative to a directory");
    }

    /** A directory; that it comes after what it holds, or twice, is no matter. */
    void directory(List<String> path, int mode) {
        try {
            setMode(parent(child(path, ".")), mode);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /** Others come no further than the directory beside the wanted one before all is there. */
    private static void setMode(SecureDirectoryStream<Path> directory, int mode) throws IOException {
        Set<PosixFilePermission> permissions = permissions(mode);
        // Who owns it must be able to write into it, and to remove it.
        permissions.addAll(OWNER);
        directory.getFileAttributeView(PosixFileAttributeView.class).setPermissions(permissions);
    }

    /** How many directories were made so far. */
    int directoriesMade() {
        return made;
    }

    private static List<String> child(List<String> directory, String name) {
        List<String> path = new ArrayList<>(directory);
        path.add(name);
        return path;
    }

    /** A new file; it is private until it is complete. */
    NewFile file(List<String> path) {
        try {
            SecureDirectoryStream<Path> directory = parent(path);
            Path name = name(path);
            SeekableByteChannel channel = directory.newByteChannel(
                    name,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
                    FILE_OF_OWNER);
            return new NewFile(
                    path,
                    channel,
                    directory.getFileAttributeView(name, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS));
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /** A file that is being written. */
    final class NewFile implements AutoCloseable {
        private final List<String> path;
        private final SeekableByteChannel channel;
        private final PosixFileAttributeView attributes;

        private NewFile(List<String> path, SeekableByteChannel channel, PosixFileAttributeView attributes) {
            this.path = path;
            this.channel = channel;
            this.attributes = attributes;
        }

        void write(byte[] bytes, int count) {
            try {
                ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, count);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            } catch (IOException e) {
                throw failure(path, e);
            }
        }

        /** It holds all that it should. */
        void complete(int mode, FileTime modified) {
            try {
                channel.close();
                setTime(modified);
                attributes.setPermissions(permissions(mode));
            } catch (IOException e) {
                throw failure(path, e);
            }
        }

        /** A time that this machine has no number for is none. */
        private void setTime(FileTime modified) {
            try {
                attributes.setTimes(modified, null, null);
            } catch (IOException | RuntimeException e) {
                LOG.debug("A file keeps the time of its copy", e);
            }
        }

        @Override
        public void close() {
            try {
                channel.close();
            } catch (IOException e) {
                throw failure(path, e);
            }
        }
    }

    /** What a file of this tree holds, to be closed by the caller. */
    InputStream read(List<String> path) {
        try {
            requireFile(path);
            return Channels.newInputStream(parent(path)
                    .newByteChannel(name(path), Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)));
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    private void requireFile(List<String> path) throws IOException {
        boolean file = !path.isEmpty()
                && isThere(parent(path), name(path))
                && attributes(parent(path), name(path)).isRegularFile();
        if (!file) {
            throw refusal(path, "is linked to, and is no file of the copy", null);
        }
    }

    /** How much a file of this tree holds. */
    long size(List<String> path) {
        try {
            return attributes(parent(path), name(path)).size();
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /** A symbolic link, wherever it points. */
    void symbolicLink(List<String> path, String linkTarget) {
        try {
            SecureDirectoryStream<Path> directory = parent(path);
            Path name = name(path);
            if (isThere(directory, name)) {
                throw new FileAlreadyExistsException(name.toString());
            }
            Files.createSymbolicLink(workbench.resolve(NEW), Path.of(linkTarget));
            bench.move(NEW, directory, name);
        } catch (InvalidPathException e) {
            throw refusal(path, "is a link that this machine's file names cannot be", e);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /** All is there: it takes its place. */
    void complete() {
        try {
            closeStreams();
            Files.move(tree, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw host(trouble, e);
        }
    }

    @Override
    public void close() {
        closeStreams();
        remove(staging);
    }

    private void closeStreams() {
        closeQuietly(root);
        closeQuietly(bench);
        SecureDirectoryStream<Path> last = open;
        open = null;
        openPath = List.of();
        if (last != null) {
            closeQuietly(last);
        }
    }

    private static void closeQuietly(SecureDirectoryStream<Path> stream) {
        try {
            stream.close();
        } catch (IOException e) {
            LOG.debug("A directory stays open", e);
        }
    }

    /** The directory that the entry is in, open; made as needed. It stays open until another is asked for. */
    private SecureDirectoryStream<Path> parent(List<String> path) throws IOException {
        List<String> directory = path.subList(0, path.size() - 1);
        if (directory.isEmpty()) {
            return root;
        }
        SecureDirectoryStream<Path> last = open;
        if (last != null && openPath.equals(directory)) {
            return last;
        }
        SecureDirectoryStream<Path> current = root;
        try {
            for (int i = 0; i < directory.size(); i++) {
                SecureDirectoryStream<Path> next = enter(current, directory.subList(0, i + 1));
                closeUnlessRoot(current);
                current = next;
            }
        } catch (IOException | RuntimeException e) {
            closeUnlessRoot(current);
            throw e;
        }
        if (last != null) {
            last.close();
        }
        open = current;
        openPath = List.copyOf(directory);
        return current;
    }

    @SuppressWarnings("ReferenceEquality")
    private void closeUnlessRoot(SecureDirectoryStream<Path> stream) {
        if (stream != root) {
            closeQuietly(stream);
        }
    }

    private SecureDirectoryStream<Path> enter(SecureDirectoryStream<Path> above, List<String> path) throws IOException {
        Path name = name(path);
        try {
            return above.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            Files.createDirectory(workbench.resolve(NEW), OF_OWNER);
            bench.move(NEW, above, name);
            made++;
            SecureDirectoryStream<Path> directory = above.newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS);
            try {
                setMode(directory, USUAL_MODE);
            } catch (IOException | RuntimeException failure) {
                closeQuietly(directory);
                throw failure;
            }
            return directory;
        } catch (IOException e) {
            if (isThere(above, name) && !attributes(above, name).isDirectory()) {
                throw refusal(path, "is a directory, and something else before", e);
            }
            throw e;
        }
    }

    private static boolean isThere(SecureDirectoryStream<Path> directory, Path name) throws IOException {
        try {
            BasicFileAttributes unused = attributes(directory, name);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private static BasicFileAttributes attributes(SecureDirectoryStream<Path> directory, Path name) throws IOException {
        return directory
                .getFileAttributeView(name, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                .readAttributes();
    }

    /** One name, never a path. */
    private Path name(List<String> path) {
        String last = path.get(path.size() - 1);
        try {
            Path name = Path.of(last);
            if (name.getNameCount() != 1 || name.isAbsolute()) {
                throw refusal(path, "has no name", null);
            }
            return name;
        } catch (InvalidPathException e) {
            throw refusal(path, "this machine's file names cannot be; its locale must have UTF-8", e);
        }
    }

    private static Set<PosixFilePermission> permissions(int mode) {
        PosixFilePermission[] all = PosixFilePermission.values();
        Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
        for (int i = 0; i < all.length; i++) {
            // Declared from the owner's to read, the highest bit, to the others' to execute.
            if ((mode & (0400 >> i)) != 0) {
                permissions.add(all[i]);
            }
        }
        return permissions;
    }

    private GuestFileException failure(List<String> path, IOException e) {
        if (e instanceof FileAlreadyExistsException) {
            return refusal(path, "is there already", e);
        }
        return host(trouble, e);
    }

    private GuestFileException refusal(List<String> path, String why, @Nullable Exception cause) {
        return trouble.of(
                Reason.MALFORMED,
                "the guest sends an entry '" + Excerpt.head(String.join("/", path), SHOWN) + "' that " + why,
                cause);
    }

    private static GuestFileException host(Trouble trouble, IOException e) {
        if (GuestStream.isInterrupt(e)) {
            throw trouble.interrupted(e);
        }
        return trouble.of(Reason.HOST, "this machine does not take it: " + Excerpt.head(e.toString(), SHOWN), e);
    }

    /** What there is of it. */
    private static void remove(Path directory) {
        try {
            Files.walkFileTree(directory, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure)
                        throws IOException {
                    Files.delete(visited);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            LOG.warn("A part of a copy is left in {}", directory, e);
        }
    }
}
