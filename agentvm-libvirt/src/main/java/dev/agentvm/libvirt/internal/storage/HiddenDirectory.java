package dev.agentvm.libvirt.internal.storage;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Directories beside the images, with a dot before their name, which hold what is being added or removed. */
final class HiddenDirectory {
    private static final Logger LOG = LoggerFactory.getLogger(HiddenDirectory.class);
    private static final String NAME = "\\..+\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    /** Longer than any copy takes. */
    private static final Duration ABANDONED_AFTER = Duration.ofDays(2);

    private HiddenDirectory() {}

    /** A path that nobody else uses. */
    static Path path(Path directory, String image) {
        return directory.resolve("." + image + "." + UUID.randomUUID());
    }

    /** A new one, after the removal of those that programs left that died. */
    static Path create(Path directory, String image) throws IOException {
        sweep(directory);
        return Files.createDirectory(path(directory, image));
    }

    private static void sweep(Path directory) throws IOException {
        List<Path> hidden;
        try (Stream<Path> entries = Files.list(directory)) {
            hidden = entries.filter(entry -> entry.getFileName().toString().matches(NAME))
                    .toList();
        }
        Instant abandoned = Instant.now().minus(ABANDONED_AFTER);
        for (Path path : hidden) {
            if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                    && Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS)
                            .toInstant()
                            .isBefore(abandoned)) {
                LOG.warn("removed {}, which a program left that died", path);
                delete(path);
            }
        }
    }

    /** Deletes it with all that it holds, if it is there; a link is deleted, not followed. */
    static void delete(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(path, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.deleteIfExists(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
