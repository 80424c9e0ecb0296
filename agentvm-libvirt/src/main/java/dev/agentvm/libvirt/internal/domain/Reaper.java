package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.ReapReport;
import dev.agentvm.libvirt.internal.connection.DomainListing;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.Journals;
import dev.agentvm.libvirt.internal.journal.LaunchJournal;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/** One search for what nobody owns any more. */
final class Reaper {
    private final Parts parts;
    private final Function<DomainRef, Ledger> ledgers;
    private final ReapReport.Builder report = new ReapReport.Builder();

    Reaper(Parts parts, Function<DomainRef, Ledger> ledgers) {
        this.parts = parts;
        this.ledgers = ledgers;
    }

    ReapReport reap() {
        parts.libvirt().domains().list(OwnerXml.NAMESPACE).forEach(this::reapExpired);
        parts.journals().visit(this::reapOrphan);
        return report.build();
    }

    private void reapExpired(DomainListing domain) {
        if (domain.metadata().isEmpty()) {
            return;
        }
        Optional<Instant> expires =
                parts.domainXml(domain.domain()).flatMap(xml -> Optional.ofNullable(Parts.mark(xml).expires));
        if (expires.isPresent() && expires.get().isBefore(parts.clock().instant())) {
            note(
                    domain.domain().toString(),
                    "its time to live is over",
                    ledgers.apply(domain.domain()).clear(parts.cleaner()));
        }
    }

    /** A detached VM is left alone while it runs; what an ended one leaves is removed. */
    private boolean reapOrphan(Journals.Orphan orphan, LaunchJournal journal) {
        if (orphan.standsAlone() && isAlive(orphan.id())) {
            return false;
        }
        List<Cleaner.Failure> failures = parts.cleaner().removeAll(orphan.entries());
        note(
                orphan.vmName() + " (" + orphan.id() + "): "
                        + orphan.entries().stream().map(Entry::toString).collect(Collectors.joining(", ")),
                orphan.standsAlone() ? "it ended" : "its program is gone",
                failures);
        if (failures.isEmpty()) {
            journal.remove();
        }
        return failures.isEmpty();
    }

    private boolean isAlive(UUID id) {
        return parts.libvirt().domains().lookup(id).isPresent();
    }

    private void note(String what, String why, List<Cleaner.Failure> failures) {
        if (failures.isEmpty()) {
            report.addRemoved(what + ": " + why);
        }
        failures.forEach(failure -> report.addFailed(
                what + ": " + failure.entry() + ": " + failure.cause().getMessage()));
    }
}
