package dev.agentvm.libvirt.internal.journal;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The lock that says that an owner of launches lives: the kernel lets go of it when the program ends, however it ends.
 */
final class Owner implements AutoCloseable {
    /**
     * Closing any descriptor of a file drops all locks that its process holds on it (POSIX). So this JVM never opens a
     * file that it holds, and where another class loader's copy of this class turns out to hold it, keeps it open.
     */
    private static final Map<Path, FileChannel> KEPT_OPEN = new ConcurrentHashMap<>();

    private static final Set<Path> HELD_HERE = ConcurrentHashMap.newKeySet();

    private static final Logger LOG = LoggerFactory.getLogger(Owner.class);

    private final Path file;
    private final FileChannel channel;

    private Owner(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Makes the lock file. It gets its name only when its lock is held: under its name and unlocked it would be taken for
     * that of an owner that is gone.
     *
     * @param unnamed where it is made
     */
    static Owner create(Path file, Path unnamed) {
        HELD_HERE.add(file);
        @Nullable FileChannel channel = null;
        try {
            channel = FileChannel.open(unnamed, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            if (channel.tryLock() == null) {
                throw new IOException("locked by another program");
            }
            Files.move(unnamed, file, StandardCopyOption.ATOMIC_MOVE);
            return new Owner(file, channel);
        } catch (IOException e) {
            HELD_HERE.remove(file);
            closeQuietly(channel);
            throw new JournalException("create", file, e);
        }
    }

    private static void closeQuietly(@Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                LOG.debug("a lock file stays open", e);
            }
        }
    }

    /** Takes the lock of an owner that is gone; empty if the owner lives, or if another program cleans up after it. */
    static Optional<Owner> takeOver(Path file) {
        if (KEPT_OPEN.containsKey(file) || !HELD_HERE.add(file)) {
            return Optional.empty();
        }
        Optional<Owner> owner = Optional.empty();
        try {
            owner = lock(file);
            return owner;
        } finally {
            if (owner.isEmpty()) {
                HELD_HERE.remove(file);
            }
        }
    }

    private static Optional<Owner> lock(Path file) {
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            LOG.warn("{} is no file, and so no lock", file);
            return Optional.empty();
        }
        FileChannel channel;
        try {
            // Root cleans up in the directories of others, where a link may lead anywhere.
            channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
        } catch (AccessDeniedException e) {
            LOG.debug("{} is the lock of another user, who alone can tell whether its owner is gone", file);
            return Optional.empty();
        } catch (IOException e) {
            throw new JournalException("open", file, e);
        }
        try {
            @Nullable FileLock lock = channel.tryLock();
            if (lock != null && Files.exists(file)) {
                return Optional.of(new Owner(file, channel));
            }
            channel.close();
            return Optional.empty();
        } catch (OverlappingFileLockException e) {
            KEPT_OPEN.put(file, channel);
            return Optional.empty();
        } catch (IOException e) {
            throw new JournalException("lock", file, e);
        }
    }

    /** Removes the lock file, since nothing is owned any more, and lets go. */
    void remove() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new JournalException("remove", file, e);
        } finally {
            close();
        }
    }

    /** Lets go; the file stays and says that its owner is gone. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new JournalException("close", file, e);
        } finally {
            HELD_HERE.remove(file);
        }
    }
}
