package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/** Removes what launches made. What is gone already is no fault. Safe for use by many threads. */
final class Cleaner {
    private final Libvirt libvirt;
    private final Networking networking;

    Cleaner(Libvirt libvirt, Networking networking) {
        this.libvirt = libvirt;
        this.networking = networking;
    }

    /**
     * Removes all of {@code entries}: domains first, then the others in their order, going on where one fails. While a
     * domain is not known to be gone, all else stays: its guest may still run, and another VM must get neither its
     * address nor the place of its disk.
     *
     * @return what could not be removed
     */
    List<Failure> removeAll(List<Entry> entries) {
        Map<Boolean, List<Entry>> byDomain =
                entries.stream().collect(Collectors.partitioningBy(entry -> entry.resource() == Resource.DOMAIN));
        List<Failure> failures = removeEach(byDomain.getOrDefault(true, List.of()));
        return failures.isEmpty() ? removeEach(byDomain.getOrDefault(false, List.of())) : failures;
    }

    private List<Failure> removeEach(List<Entry> entries) {
        List<Failure> failures = new ArrayList<>();
        for (Entry entry : entries) {
            try {
                remove(entry);
            } catch (AgentVMException e) {
                failures.add(new Failure(entry, e));
            } catch (RuntimeException e) {
                failures.add(new Failure(
                        entry,
                        new AgentVMException("Could not remove " + entry + ": " + e, FailureContext.of("remove"), e)));
            }
        }
        return failures;
    }

    private void remove(Entry entry) {
        List<String> names = entry.names();
        switch (entry.resource()) {
            case DOMAIN -> libvirt.domains().destroy(new DomainRef(UUID.fromString(names.get(0)), names.get(1)));
            case FILTER -> libvirt.filters().undefine(names.get(0));
            case VOLUME -> libvirt.storage().deleteVolume(names.get(0), names.get(1));
            case RESERVATION -> networking.release(UUID.fromString(names.get(0)));
        }
    }

    /** The first failure with the others attached to it, or empty if all went well. */
    static Optional<AgentVMException> combined(List<Failure> failures) {
        if (failures.isEmpty()) {
            return Optional.empty();
        }
        AgentVMException first = failures.get(0).cause();
        failures.stream().skip(1).forEach(failure -> first.addSuppressed(failure.cause()));
        return Optional.of(first);
    }

    /**
     * What could not be removed.
     *
     * @param entry the thing
     * @param cause why
     */
    record Failure(Entry entry, AgentVMException cause) {}
}
