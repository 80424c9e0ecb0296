package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.Snapshot;
import dev.agentvm.SnapshotAlreadyExistsException;
import dev.agentvm.SnapshotNotFoundException;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.DomainSnapshotXml;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.FormatXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.SavedDomain;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The states that one VM can be put back to, each a file with its memory and the disk as it was then, on which the VM no
 * longer writes: it goes on on an overlay. To put it back is to destroy its domain and to create it anew from the memory,
 * with another overlay of that disk. Safe for use by many threads; one change is made after the other.
 */
final class Snapshots {
    /** Memory is written at the speed of a disk, and a VM may have much of it. */
    private static final Duration PATIENCE = Duration.ofMinutes(15);

    /** QEMU and libvirt follow a chain of some hundreds; each layer slows the guest's reading. */
    static final int MOST_LAYERS = 64;

    private final LibvirtHost host;
    private final Parts parts;
    private final LibvirtVM vm;
    private final Blueprint blueprint;
    private final Return back;
    private final Layers layers;
    /** Written by who holds {@link LibvirtVM#changes}, read by anybody. */
    private final Map<String, Kept> kept = Collections.synchronizedMap(new LinkedHashMap<>());

    private Optional<Kept> afterLaunch = Optional.empty();
    private VMDisk current;

    /** A state: what it is called, its memory, and the disk that goes with it. */
    private record Kept(Snapshot snapshot, Volume memory, VMDisk disk) {}

    Snapshots(LibvirtHost host, LibvirtVM vm, Blueprint blueprint, Return back, Layers layers, VMDisk disk) {
        this.host = host;
        this.parts = host.parts();
        this.vm = vm;
        this.blueprint = blueprint;
        this.back = back;
        this.layers = layers;
        this.current = disk;
    }

    /** What the VM has booted. */
    BootSource boot() {
        return blueprint.boot();
    }

    /** Keeps the VM as it is, for resets. For the launch, which the VM is not yet known outside of. */
    void takeFirst() {
        afterLaunch = Optional.of(save(new Snapshot("launch", parts.clock().instant())));
    }

    Snapshot take(String name) {
        Snapshot snapshot = new Snapshot(name, parts.clock().instant());
        change("take a snapshot", () -> {
            if (afterLaunch.isEmpty()) {
                throw new AgentVMException(
                        "The VM '" + vm.name()
                                + "' was not launched with LaunchOptions.resettable, which snapshots need",
                        context("take a snapshot"));
            }
            if (kept.containsKey(name)) {
                throw new SnapshotAlreadyExistsException(
                        "The VM '" + vm.name() + "' has a snapshot '" + name + "' already", context("take a snapshot"));
            }
            if (kept.size() == Snapshot.MAX_PER_VM) {
                throw new AgentVMException(
                        "The VM '" + vm.name() + "' has " + Snapshot.MAX_PER_VM
                                + " snapshots, which is the most; delete one",
                        context("take a snapshot"));
            }
            if (current.layers().size() >= MOST_LAYERS) {
                throw new AgentVMException(
                        "The disk of '" + vm.name() + "' has " + MOST_LAYERS
                                + " layers, one for each snapshot that was taken since its launch, deleted ones too;"
                                + " restore an early snapshot, or reset, before you take another",
                        context("take a snapshot"));
            }
            requireRunning("take a snapshot");
            kept.put(name, save(snapshot));
        });
        return snapshot;
    }

    private Kept save(Snapshot snapshot) {
        boolean done = false;
        vm.activity().begin();
        try {
            Volume memory = layers.memory();
            VMDisk next = layers.above(current);
            save(snapshot, memory, next);
            Kept saved = new Kept(snapshot, memory, current);
            current = next;
            done = true;
            return saved;
        } finally {
            vm.activity().end();
            // Of one that may be half made nothing is deleted while its domain may write there; it goes with the VM.
            if (!done && vm.endReason().isEmpty()) {
                tidyUp();
            }
        }
    }

    private void save(Snapshot snapshot, Volume memory, VMDisk next) {
        String xml = LibvirtXml.write(render(memory, next));
        try {
            vm.whileStandingStill(
                    () -> parts.libvirt().withTimeout(PATIENCE).domains().snapshot(blueprint.domain(), xml));
        } catch (AgentVMException e) {
            // libvirt may fail after it has let the guest go on, on the new disk.
            if (isUnanswered(e) || !isKnownToWrite(current)) {
                throw halfMade(snapshot, e);
            }
            throw e;
        }
    }

    /** libvirt's own timeouts are answers: something else was done with the domain for too long, and this has not begun. */
    private static boolean isUnanswered(AgentVMException failure) {
        return failure instanceof HypervisorUnavailableException
                || (failure instanceof OperationTimeoutException
                        && failure.libvirtCode().isEmpty());
    }

    /** Whether libvirt has done it, or still does, is not known, nor which disk is written. */
    private AgentVMException halfMade(Snapshot snapshot, AgentVMException reason) {
        vm.died("it is not known what became of its snapshot: " + reason.getMessage());
        return reason.during("The VM '" + vm.name() + "' was destroyed, since its snapshot '" + snapshot.name()
                + "' may be half made");
    }

    private boolean isKnownToWrite(VMDisk disk) {
        try {
            return parts.domainXml(blueprint.domain())
                    .filter(domain -> domain.devices.disks.stream()
                            .anyMatch(one -> isOwn(one)
                                    && one.source != null
                                    && disk.volume().path().equals(one.source.file)))
                    .isPresent();
        } catch (AgentVMException e) {
            return false;
        }
    }

    private static boolean isOwn(DomainXml.Disk disk) {
        return disk.target != null && DomainRenderer.OWN_DISK.equals(disk.target.dev);
    }

    private DomainSnapshotXml render(Volume memory, VMDisk next) {
        DomainSnapshotXml xml = new DomainSnapshotXml();
        xml.memory = new DomainSnapshotXml.Memory();
        xml.memory.snapshot = "external";
        xml.memory.file = memory.path();
        DomainSnapshotXml.Disk own = new DomainSnapshotXml.Disk();
        own.name = DomainRenderer.OWN_DISK;
        own.snapshot = "external";
        own.driver = FormatXml.of("qcow2");
        own.source = new DomainSnapshotXml.Source();
        own.source.file = next.volume().path();
        xml.disks.add(own);
        if (blueprint.seeded()) {
            DomainSnapshotXml.Disk seed = new DomainSnapshotXml.Disk();
            seed.name = DomainRenderer.SEED_DISK;
            seed.snapshot = "no";
            xml.disks.add(seed);
        }
        return xml;
    }

    List<Snapshot> list() {
        synchronized (kept) {
            return kept.values().stream().map(Kept::snapshot).toList();
        }
    }

    void delete(String name) {
        change("delete a snapshot", () -> {
            find(name, "delete a snapshot");
            kept.remove(name);
            tidyUp();
        });
    }

    void restore(String name) {
        change("restore", () -> {
            Kept wanted = find(name, "restore");
            requireRunning("restore");
            VMEventSource.Restore telling = vm.events().restoring(Optional.of(name));
            back.go("Restore", disk -> resume(wanted, disk), () -> layers.above(wanted.disk()), this::goOn, telling);
            telling.done();
        });
    }

    void reset() {
        change("reset", () -> {
            requireRunning("reset");
            VMEventSource.Restore telling = vm.events().restoring(Optional.empty());
            if (afterLaunch.isPresent()) {
                Kept first = afterLaunch.get();
                back.go("Reset", disk -> resume(first, disk), () -> layers.above(first.disk()), this::goOn, telling);
            } else {
                back.goAndBoot("Reset", blueprint.create(), layers::fresh, this::goOn, telling);
            }
            kept.clear();
            tidyUp();
            telling.done();
        });
    }

    /** The domain is gone, so its disk is not written any more. */
    private void goOn(VMDisk disk) {
        current = disk;
        tidyUp();
    }

    private void resume(Kept wanted, VMDisk disk) {
        String saved = parts.libvirt().domains().savedXml(wanted.memory().path());
        // It was last used long ago by what it says itself, and another program's reaper would take it for idle.
        String xml = SavedDomain.with(
                saved,
                DomainRenderer.disk(disk, blueprint.boot()),
                vm.activity().mark());
        // One that succeeds after this has given up is undone.
        parts.libvirt()
                .withTimeout(PATIENCE)
                .withUndo(() -> parts.libvirt().domains().destroy(blueprint.domain()))
                .domains()
                .restore(blueprint.domain(), wanted.memory().path(), xml);
    }

    private Kept find(String name, String operation) {
        Kept found = kept.get(name);
        if (found == null) {
            throw new SnapshotNotFoundException(
                    "The VM '" + vm.name() + "' has no snapshot '" + name + "'; it has " + kept.keySet(),
                    context(operation));
        }
        return found;
    }

    /** Deletes what neither the VM nor a state needs. */
    private void tidyUp() {
        Set<Volume> needed = new HashSet<>(volumes(current));
        Stream.concat(kept.values().stream(), afterLaunch.stream()).forEach(state -> {
            needed.add(state.memory());
            needed.addAll(volumes(state.disk()));
        });
        layers.keepOnly(needed);
    }

    private static List<Volume> volumes(VMDisk disk) {
        List<Volume> volumes = new ArrayList<>(disk.layers());
        volumes.add(disk.volume());
        return volumes;
    }

    /** Makes a change that, once begun, goes on to its end. If the VM did not survive it, what is left of it is removed. */
    private void change(String operation, Runnable work) {
        if (Thread.currentThread().isInterrupted()) {
            throw new AgentVMException(
                    "The thread was interrupted; nothing was done to " + operation, context(operation));
        }
        Uninterrupted.run(() -> {
            try {
                host.change(vm, operation, work);
            } catch (RuntimeException | Error e) {
                if (vm.endReason().isPresent()) {
                    removeAfter(e);
                }
                throw e;
            }
        });
    }

    private void removeAfter(Throwable failure) {
        try {
            vm.destroy("its snapshot or restore failed");
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
    }

    private void requireRunning(String operation) {
        if (vm.state() != VMState.RUNNING) {
            throw new AgentVMException(
                    "The VM '" + vm.name() + "' is " + vm.state() + ", and must run to " + operation,
                    context(operation));
        }
    }

    private FailureContext context(String operation) {
        return FailureContext.of(operation).vm(vm.name());
    }
}
