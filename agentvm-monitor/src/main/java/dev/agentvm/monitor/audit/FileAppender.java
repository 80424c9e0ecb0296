package dev.agentvm.monitor.audit;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** A file on disk, for its owner alone. Unlike a channel, an interrupt of the writing thread does not close it. */
final class FileAppender implements Appender {
    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final RandomAccessFile file;

    private FileAppender(RandomAccessFile file) {
        this.file = file;
    }

    static FileAppender open(Path path) throws IOException {
        if (!Files.exists(path)) {
            Files.createFile(path, OWNER_ONLY);
            syncNameOf(path);
        }
        RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
        try {
            file.seek(file.length());
            return new FileAppender(file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /** So that the name is on the medium too. An interrupt, which would close the channel, is put off until it is. */
    private static void syncNameOf(Path file) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try (FileChannel directory =
                        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
                    directory.force(true);
                    return;
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void append(byte[] bytes) throws IOException {
        file.write(bytes);
    }

    @Override
    public void cut(long length) throws IOException {
        file.setLength(length);
        file.seek(length);
    }

    @Override
    public void sync() throws IOException {
        file.getFD().sync();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
