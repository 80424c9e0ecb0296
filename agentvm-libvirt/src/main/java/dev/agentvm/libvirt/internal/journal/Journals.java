package dev.agentvm.libvirt.internal.journal;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journals of all programs that share a state directory: {@code launches/} holds a file for each launch,
 * {@code owners/} one that is locked by each program that launches. Safe for use by many threads.
 */
public final class Journals implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Journals.class);
    private static final Duration TORN_AFTER = Duration.ofMinutes(1);
    private static final String SUFFIX = ".journal";
    private static final String LOCK = ".lock";
    private static final String UNNAMED = ".new";

    private final Path launches;
    private final Path owners;
    private final HypervisorId hypervisor;
    private final String ownerId = UUID.randomUUID().toString();
    private @Nullable Owner owner;

    private Journals(Path stateDirectory, HypervisorId hypervisor) {
        this.launches = stateDirectory.resolve("launches");
        this.owners = stateDirectory.resolve("owners");
        this.hypervisor = hypervisor;
        requireTrusted(launches);
        requireTrusted(owners);
    }

    /**
     * Opens the journals in {@code stateDirectory}, which is made if it is not there.
     *
     * @param hypervisor what tells this libvirt from others that share the directory
     */
    public static Journals open(Path stateDirectory, HypervisorId hypervisor) {
        Journals journals = openToVisit(stateDirectory, hypervisor);
        journals.own();
        return journals;
    }

    /**
     * The same, to visit what others have written: unless a launch begins nothing is made, which would be this user's where
     * it is to be theirs.
     */
    public static Journals openToVisit(Path stateDirectory, HypervisorId hypervisor) {
        return new Journals(stateDirectory, hypervisor);
    }

    /** From now on what is begun here belongs to a program that lives. */
    private synchronized void own() {
        if (owner == null) {
            make(launches);
            make(owners);
            owner = Owner.create(owners.resolve(ownerId + LOCK), owners.resolve(ownerId + UNNAMED));
        }
    }

    private static void make(Path path) {
        try {
            if (!Files.isDirectory(path)) {
                // Others may need what lies beside, such as images.
                Files.createDirectories(path.getParent());
                Files.createDirectory(
                        path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
        } catch (FileAlreadyExistsException e) {
            LOG.debug("{} was made by another program meanwhile", path);
        } catch (IOException e) {
            throw new JournalException("create", path, e);
        }
        requireTrusted(path);
    }

    /** For its owner alone: what a journal lists is removed by whoever may, so nobody else may write one. */
    private static void requireTrusted(Path path) {
        try {
            Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
            if (permissions.contains(PosixFilePermission.OTHERS_WRITE)
                    || permissions.contains(PosixFilePermission.GROUP_WRITE)) {
                throw new IOException("others may write it: " + PosixFilePermissions.toString(permissions));
            }
        } catch (NoSuchFileException e) {
            LOG.debug("{} is not there", path);
        } catch (IOException e) {
            throw new JournalException("trust", path, e);
        }
    }

    /** Who we are in journals and in the marks of domains. */
    public String ownerId() {
        return ownerId;
    }

    /** Begins a launch. */
    public LaunchJournal begin(UUID id, String vmName, boolean detached) {
        own();
        return LaunchJournal.begin(file(id), ownerId, hypervisor, id, vmName, detached);
    }

    /** Where the launch of that VM is written down, by whichever program, if it is. */
    public LaunchJournal at(UUID id) {
        return LaunchJournal.at(file(id));
    }

    /** What the launch of that VM made, if its journal is there. */
    public Optional<List<Entry>> entries(UUID id) {
        return LaunchJournal.at(file(id)).read().map(LaunchJournal.Content::entries);
    }

    private Path file(UUID id) {
        return launches.resolve(id + SUFFIX);
    }

    /**
     * Hands the journals of launches on this hypervisor to {@code visitor} whose program is gone, or whose VM stands
     * alone, each while no other program can be handed it.
     */
    public void visit(Visitor visitor) {
        visit(visitor, false);
    }

    /**
     * The same.
     *
     * @param dryRun whether to leave everything as it is
     */
    public void visit(Visitor visitor, boolean dryRun) {
        Map<String, List<Path>> byOwner = new HashMap<>();
        for (Path file : files(launches, SUFFIX)) {
            Optional<LaunchJournal.Content> content = LaunchJournal.at(file).read();
            if (content.isPresent() && isHandedOver(content.get())) {
                byOwner.computeIfAbsent(content.get().owner(), unused -> new ArrayList<>())
                        .add(file);
            } else if (content.isEmpty() && !dryRun) {
                removeTorn(file);
            }
        }
        if (!dryRun) {
            for (Path lock : files(owners, LOCK)) {
                String name = lock.getFileName().toString();
                byOwner.computeIfAbsent(name.substring(0, name.length() - LOCK.length()), unused -> new ArrayList<>());
            }
            files(owners, UNNAMED).forEach(Journals::removeTorn);
        }
        byOwner.remove(ownerId);
        byOwner.forEach((id, files) -> visit(id, files, visitor));
    }

    /**
     * Hands the journals of one owner's launches to {@code visitor}, if that owner is gone.
     *
     * @return whether it is gone and nobody else is being handed them
     */
    public boolean visit(String owner, Visitor visitor) {
        List<Path> files = files(launches, SUFFIX).stream()
                .filter(file -> LaunchJournal.at(file)
                        .read()
                        .filter(content -> content.owner().equals(owner) && isHandedOver(content))
                        .isPresent())
                .toList();
        return visit(owner, files, visitor);
    }

    private boolean isHandedOver(LaunchJournal.Content content) {
        return hypervisor.isSame(content.hypervisor()) || hypervisor.mayBe(content.hypervisor());
    }

    /** A program died while it made the file: nothing was announced. One that is being made now is left alone. */
    private static void removeTorn(Path file) {
        try {
            if (Files.getLastModifiedTime(file)
                    .toInstant()
                    .isBefore(Instant.now().minus(TORN_AFTER))) {
                Files.deleteIfExists(file);
                LOG.warn("removed {}, which does not say whose it is", file);
            }
        } catch (NoSuchFileException e) {
            LOG.debug("{} is gone already", file);
        } catch (IOException e) {
            throw new JournalException("remove", file, e);
        }
    }

    private boolean visit(String id, List<Path> files, Visitor visitor) {
        @Nullable Owner gone = Owner.takeOver(owners.resolve(id + LOCK)).orElse(null);
        if (gone == null) {
            return false;
        }
        boolean none = true;
        try {
            for (Path file : files) {
                LaunchJournal journal = LaunchJournal.at(file);
                Optional<LaunchJournal.Content> content = journal.read();
                if (content.filter(known -> !known.understood()).isPresent()) {
                    // To remove a part of what it lists, and then it, would leave the rest to nobody.
                    LOG.warn("{} was written by a later version, which alone can remove what it lists", file);
                    none = false;
                } else if (content.isPresent() && !visitor.visit(orphan(content.get()), journal)) {
                    none = false;
                }
            }
            none &= files(launches, SUFFIX).stream()
                    .map(file -> LaunchJournal.at(file).read())
                    .flatMap(Optional::stream)
                    .noneMatch(content -> content.owner().equals(id));
        } finally {
            if (none) {
                gone.remove();
            } else {
                gone.close();
            }
        }
        return true;
    }

    private Orphan orphan(LaunchJournal.Content content) {
        List<Entry> lastFirst = new ArrayList<>(content.entries());
        Collections.reverse(lastFirst);
        return new Orphan(
                content.id(),
                content.vmName(),
                content.standsAlone(),
                hypervisor.isSame(content.hypervisor()),
                lastFirst);
    }

    private static List<Path> files(Path directory, String suffix) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, "*" + suffix)) {
            for (Path file : stream) {
                // A link may lead anywhere, and what another user hides is for that user to clean up after.
                if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Files.isReadable(file)) {
                    found.add(file);
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException | DirectoryIteratorException e) {
            throw new JournalException("list", directory, e instanceof IOException io ? io : new IOException(e));
        }
        return found;
    }

    /** Lets go of the owner's lock, and removes it if nothing of this owner is left. */
    @Override
    public synchronized void close() {
        Owner held = owner;
        if (held == null) {
            return;
        }
        boolean none = files(launches, SUFFIX).stream()
                .map(file -> LaunchJournal.at(file).read())
                .flatMap(Optional::stream)
                .noneMatch(content -> content.owner().equals(ownerId));
        if (none) {
            held.remove();
        } else {
            held.close();
        }
    }

    /**
     * A launch whose program is gone.
     *
     * @param id the VM's
     * @param vmName the VM's
     * @param standsAlone whether the VM was launched detached and complete, so that it is no orphan while it lives
     * @param hostKnown whether it is known that the VM was launched on this host; else it may have been on another
     * @param entries what it made, last first
     */
    public record Orphan(UUID id, String vmName, boolean standsAlone, boolean hostKnown, List<Entry> entries) {}

    /** Is handed orphans. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Cleans up.
         *
         * @return whether the journal is gone with all that it lists
         */
        boolean visit(Orphan orphan, LaunchJournal journal);
    }
}
