package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.ReapReport;
import dev.agentvm.libvirt.internal.connection.DomainListing;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.Journals;
import dev.agentvm.libvirt.internal.journal.LaunchJournal;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One search for what nobody owns any more. */
final class Reaper {
    private static final Logger LOG = LoggerFactory.getLogger(Reaper.class);

    private final Parts parts;
    private final Function<DomainRef, Ledger> ledgers;
    private final boolean dryRun;
    private final Set<UUID> overdue = new HashSet<>();
    private final ReapReport.Builder report = new ReapReport.Builder();

    Reaper(Parts parts, Function<DomainRef, Ledger> ledgers, boolean dryRun) {
        this.parts = parts;
        this.ledgers = ledgers;
        this.dryRun = dryRun;
    }

    ReapReport reap() {
        parts.libvirt().domains().list(OwnerXml.NAMESPACE).stream()
                .filter(domain -> domain.metadata().isPresent())
                .map(DomainListing::domain)
                .forEach(this::reapOverdue);
        parts.journals().visit(this::reapOrphan, dryRun);
        return report.build();
    }

    /** Removes what a program left that has just died, and nothing else. */
    Optional<ReapReport> reapOwner(String owner) {
        return parts.journals().visit(owner, this::reapOrphan) ? Optional.of(report.build()) : Optional.empty();
    }

    /** Whether its program lives does not matter: it may hang. */
    private void reapOverdue(DomainRef domain) {
        parts.domainXml(domain).flatMap(this::overdue).ifPresent(why -> {
            overdue.add(domain.uuid());
            note(domain.toString(), why, () -> ledgers.apply(domain).clear(parts.cleaner()));
        });
    }

    private Optional<String> overdue(DomainXml domain) {
        Instant now = parts.clock().instant();
        if (Parts.expires(domain).filter(expires -> expires.isBefore(now)).isPresent()) {
            return Optional.of("its time to live is over");
        }
        return IdleTime.of(domain)
                .filter(idle -> idle.left(now).isNegative())
                .map(idle -> "it was idle for more than " + idle.timeout());
    }

    /** A detached VM is left alone while it runs; what an ended one leaves is removed. */
    private boolean reapOrphan(Journals.Orphan orphan, LaunchJournal journal) {
        if (dryRun && overdue.contains(orphan.id())) {
            return false;
        }
        if (!orphan.hostKnown() && !isHere(orphan)) {
            LOG.warn(
                    "{} ({}) was launched by an earlier version, which did not write down where, and is not known here;"
                            + " its journal is left",
                    orphan.vmName(),
                    orphan.id());
            return false;
        }
        if (orphan.standsAlone() && isAlive(orphan.id())) {
            return false;
        }
        boolean gone = note(
                orphan.vmName() + " (" + orphan.id() + "): "
                        + orphan.entries().stream().map(Entry::toString).collect(Collectors.joining(", ")),
                orphan.standsAlone() ? "it ended" : "its program is gone",
                () -> parts.cleaner().removeAll(orphan.entries()));
        if (gone) {
            journal.remove();
        }
        return gone;
    }

    /** Disks may be on storage that hosts share; domains and filters are each host's own. */
    private boolean isHere(Journals.Orphan orphan) {
        return isAlive(orphan.id())
                || orphan.entries().stream()
                        .filter(entry -> entry.resource() == Resource.FILTER)
                        .anyMatch(entry -> parts.libvirt()
                                .filters()
                                .lookup(entry.names().get(0))
                                .isPresent());
    }

    private boolean isAlive(UUID id) {
        return parts.libvirt().domains().lookup(id).isPresent();
    }

    /**
     * Removes something and says so, or in a dry run only says so.
     *
     * @return whether it is gone
     */
    private boolean note(String what, String why, Supplier<List<Cleaner.Failure>> removal) {
        if (dryRun) {
            report.addRemoved(what + ": " + why);
            return false;
        }
        List<Cleaner.Failure> failures = removal.get();
        if (failures.isEmpty()) {
            report.addRemoved(what + ": " + why);
        }
        failures.forEach(failure -> report.addFailed(
                what + ": " + failure.entry() + ": " + failure.cause().getMessage()));
        return failures.isEmpty();
    }
}
