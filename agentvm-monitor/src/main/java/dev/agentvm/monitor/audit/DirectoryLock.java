package dev.agentvm.monitor.audit;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The right to write the log of a directory, which one writer has at a time. */
final class DirectoryLock implements AutoCloseable {
    /**
     * Closing any descriptor of a file drops all locks that its process holds on it (POSIX). So a lock file that is held
     * is not opened again, and where another class loader's copy of this class turns out to hold it, is kept open.
     */
    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private static final Map<Path, FileChannel> KEPT_OPEN = new ConcurrentHashMap<>();

    private final Path directory;
    private final FileChannel channel;

    private DirectoryLock(Path directory, FileChannel channel) {
        this.directory = directory;
        this.channel = channel;
    }

    /** Takes it; empty if this program or another has it. */
    static Optional<DirectoryLock> take(Path directory) throws IOException {
        Path real = directory.toRealPath();
        if (KEPT_OPEN.containsKey(real) || !HELD_HERE.add(real)) {
            return Optional.empty();
        }
        Optional<DirectoryLock> taken = Optional.empty();
        try {
            taken = lock(real);
            return taken;
        } finally {
            if (taken.isEmpty()) {
                HELD_HERE.remove(real);
            }
        }
    }

    private static Optional<DirectoryLock> lock(Path directory) throws IOException {
        FileChannel channel =
                FileChannel.open(directory.resolve("audit.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return Optional.of(new DirectoryLock(directory, channel));
            }
        } catch (OverlappingFileLockException e) {
            KEPT_OPEN.put(directory, channel);
            return Optional.empty();
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        channel.close();
        return Optional.empty();
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            HELD_HERE.remove(directory);
        }
    }
}
