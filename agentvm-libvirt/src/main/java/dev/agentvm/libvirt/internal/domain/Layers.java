package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.storage.SavedMemories;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.storage.VolumePool;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of one VM: its disks, each an overlay of an earlier one or of the image, and its saved memories. Each is
 * announced before it is made; names are used again, so that the journal does not grow with the number of resets.
 */
final class Layers {
    private static final Logger LOG = LoggerFactory.getLogger(Layers.class);

    private final UUID vm;
    private final VolumePool pool;
    private final Ledger ledger;
    private final VMDisk first;
    private final int diskGiB;
    private final Map<String, Volume> made = new LinkedHashMap<>();
    /** Names of files that may be half made. */
    private final Set<String> spoilt = new HashSet<>();

    /** @param first the disk that the VM was launched with */
    Layers(UUID vm, VolumePool pool, Ledger ledger, VMDisk first, int diskGiB) {
        this.vm = vm;
        this.pool = pool;
        this.ledger = ledger;
        this.first = first;
        this.diskGiB = diskGiB;
        made.put(first.volume().name(), first.volume());
    }

    /** A new disk that goes on where {@code below} stands, which must not be written any more. */
    VMDisk above(VMDisk below) {
        List<Volume> layers = new ArrayList<>(List.of(below.volume()));
        layers.addAll(below.layers());
        return disk(layers);
    }

    /** A new disk as the VM was launched with. */
    VMDisk fresh() {
        return disk(List.of());
    }

    private VMDisk disk(List<Volume> layers) {
        String name = announce(number -> Overlays.volumeName(vm, number));
        VMDisk disk = create(name, () -> new Overlays(pool).create(name, layers, first.backing(), diskGiB));
        made.put(name, disk.volume());
        return disk;
    }

    /** A new file for a memory. */
    Volume memory() {
        String name = announce(number -> SavedMemories.volumeName(vm, number));
        Volume memory = create(name, () -> new SavedMemories(pool).create(name));
        made.put(name, memory);
        return memory;
    }

    private <T> T create(String name, Supplier<T> creation) {
        try {
            return creation.get();
        } catch (RuntimeException e) {
            spoilt.add(name);
            throw e;
        }
    }

    private String announce(IntFunction<String> names) {
        String name = IntStream.iterate(1, number -> number + 1)
                .mapToObj(names)
                .filter(candidate -> !made.containsKey(candidate) && !spoilt.contains(candidate))
                .findFirst()
                .orElseThrow();
        ledger.announce(Resource.VOLUME, pool.name(), name);
        return name;
    }

    /** Deletes all but these; what cannot be deleted now goes with the VM. */
    void keepOnly(Set<Volume> needed) {
        for (Volume volume : List.copyOf(made.values())) {
            if (!needed.contains(volume)) {
                try {
                    pool.delete(volume.name());
                    made.remove(volume.name());
                } catch (AgentVMException e) {
                    LOG.warn("{} is kept longer than it is needed: {}", volume.name(), e.getMessage());
                }
            }
        }
    }
}
