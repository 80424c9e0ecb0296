package dev.agentvm.libvirt.internal.journal;

import dev.agentvm.libvirt.internal.Uninterrupted;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * What one launch made or was about to make. Each line is on the disk before the step that it announces begins.
 *
 * <p>A line is a key and its values, separated by tabs. A program may die while it writes, so a last line without its
 * end is left out when reading: the step that it announces has not begun.
 */
public final class LaunchJournal {
    private static final String OWNER = "owner";
    private static final String VM = "vm";
    private static final String HYPERVISOR = "hypervisor";
    private static final String HOST = "host";
    private static final String DETACHED = "detached";
    private static final String READY = "ready";

    private static final Set<String> KNOWN = Set.of(OWNER, VM, HYPERVISOR, HOST, DETACHED, READY);

    private final Path file;

    private LaunchJournal(Path file) {
        this.file = file;
    }

    static LaunchJournal begin(
            Path file, String owner, HypervisorId hypervisor, UUID id, String vmName, boolean detached) {
        LaunchJournal journal = new LaunchJournal(file);
        StringBuilder head = new StringBuilder();
        head.append(line(OWNER, owner))
                .append(line(HYPERVISOR, hypervisor.uri()))
                .append(line(HOST, hypervisor.host().toArray(String[]::new)))
                .append(line(VM, id.toString(), vmName));
        if (detached) {
            head.append(line(DETACHED));
        }
        journal.write(head.toString(), true);
        journal.syncDirectory();
        return journal;
    }

    static LaunchJournal at(Path file) {
        return new LaunchJournal(file);
    }

    /** Announces a thing that is about to be made. */
    public void announce(Resource resource, String... names) {
        write(line(resource.name(), names), false);
    }

    /** Notes that the launch is complete: a detached VM is from now on nobody's orphan. */
    public void ready() {
        write(line(READY), false);
    }

    /** Removes the journal, since all that it lists is gone. */
    public void remove() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new JournalException("remove", file, e);
        }
    }

    /** What is written, or empty if the journal is gone, or was torn before it said whose it is. */
    Optional<Content> read() {
        String text;
        try {
            text = read(file);
        } catch (FileNotFoundException e) {
            if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                // Such as for want of descriptors: it may well say something.
                throw new JournalException("read", file, e);
            }
            return Optional.empty();
        } catch (IOException e) {
            throw new JournalException("read", file, e);
        }
        List<List<String>> lines = text.substring(0, text.lastIndexOf('\n') + 1)
                .lines()
                .map(line -> List.of(line.split("\t", -1)))
                .toList();
        List<Entry> entries = new ArrayList<>();
        Map<String, List<String>> head = new HashMap<>();
        for (List<String> line : lines) {
            List<String> values = line.subList(1, line.size());
            resource(line.get(0))
                    .ifPresentOrElse(
                            resource -> entries.add(new Entry(resource, values)), () -> head.put(line.get(0), values));
        }
        List<String> owner = head.getOrDefault(OWNER, List.of());
        List<String> vm = head.getOrDefault(VM, List.of());
        List<String> hypervisor = head.getOrDefault(HYPERVISOR, List.of());
        if (owner.size() != 1
                || vm.size() != 2
                || hypervisor.size() != 1
                || !isUuid(vm.get(0))
                // A file is named after it.
                || !isUuid(owner.get(0))) {
            return Optional.empty();
        }
        return Optional.of(new Content(
                owner.get(0),
                new HypervisorId(hypervisor.get(0), Set.copyOf(head.getOrDefault(HOST, List.of()))),
                UUID.fromString(vm.get(0)),
                vm.get(1),
                head.containsKey(DETACHED) && head.containsKey(READY),
                KNOWN.containsAll(head.keySet()),
                List.copyOf(entries)));
    }

    private static boolean isUuid(String text) {
        return text.matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    }

    private static String read(Path file) throws IOException {
        try (FileInputStream stream = new FileInputStream(file.toFile())) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static Optional<Resource> resource(String name) {
        return Arrays.stream(Resource.values())
                .filter(resource -> resource.name().equals(name))
                .findFirst();
    }

    /**
     * By a stream: an interrupt of the thread would close a channel.
     *
     * @param first whether it is what a journal begins with; one that was removed meanwhile is not begun again without
     */
    private void write(String text, boolean first) {
        try (FileOutputStream stream = new FileOutputStream(file.toFile(), true)) {
            if (!first && file.toFile().length() == 0) {
                Files.deleteIfExists(file);
                throw JournalException.removed(file);
            }
            stream.write(text.getBytes(StandardCharsets.UTF_8));
            stream.getFD().sync();
        } catch (IOException e) {
            throw new JournalException("write", file, e);
        }
    }

    /** Else its name might be lost when the host crashes, although what it holds is on the disk. */
    private void syncDirectory() {
        Uninterrupted.run(() -> {
            try (FileChannel directory = FileChannel.open(file.getParent(), StandardOpenOption.READ)) {
                directory.force(true);
            } catch (IOException e) {
                throw new JournalException("write", file, e);
            }
        });
    }

    private static String line(String key, String... values) {
        for (String value : values) {
            if (value.indexOf('\t') >= 0 || value.indexOf('\n') >= 0) {
                throw new IllegalArgumentException("a journal value holds a separator: " + key);
            }
        }
        return values.length == 0 ? key + "\n" : key + "\t" + String.join("\t", values) + "\n";
    }

    /**
     * What a journal says.
     *
     * @param owner who launched
     * @param hypervisor the libvirt that it was launched on
     * @param id the VM's
     * @param vmName the VM's
     * @param standsAlone whether the VM was launched detached, and the launch was completed
     * @param understood whether it says nothing that only a later version of this library knows
     * @param entries what was made, in order
     */
    record Content(
            String owner,
            HypervisorId hypervisor,
            UUID id,
            String vmName,
            boolean standsAlone,
            boolean understood,
            List<Entry> entries) {}
}
