package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.LaunchJournal;
import dev.agentvm.libvirt.internal.journal.Resource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What one launch made, in this program's memory and in the journal. Safe for use by many threads. */
final class Ledger {
    private final LaunchJournal journal;
    private final List<Entry> entries = new ArrayList<>();

    Ledger(LaunchJournal journal, List<Entry> entries) {
        this.journal = journal;
        this.entries.addAll(entries);
    }

    /** A thing is about to be made. What was announced once, and is made again, is on the list already. */
    synchronized void announce(Resource resource, String... names) {
        Entry entry = new Entry(resource, List.of(names));
        if (!entries.contains(entry)) {
            journal.announce(resource, names);
            entries.add(entry);
        }
    }

    /** The launch is complete. */
    void ready() {
        journal.ready();
    }

    /**
     * Removes all that was made, last first, and the journal with the last of it.
     *
     * @return what could not be removed
     */
    List<Cleaner.Failure> clear(Cleaner cleaner) {
        List<Cleaner.Failure> failures = cleaner.removeAll(lastFirst());
        if (failures.isEmpty()) {
            journal.remove();
        }
        return failures;
    }

    private synchronized List<Entry> lastFirst() {
        List<Entry> reversed = new ArrayList<>(entries);
        Collections.reverse(reversed);
        return reversed;
    }
}
