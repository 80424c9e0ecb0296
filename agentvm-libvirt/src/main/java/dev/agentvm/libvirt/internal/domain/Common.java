package dev.agentvm.libvirt.internal.domain;

import java.util.Optional;

/** What all handles of this program on one VM have in common. Safe for use by many threads. */
final class Common {
    private final Activity activity;
    private final Object changes = new Object();
    private volatile Optional<Snapshots> snapshots = Optional.empty();

    Common(Activity activity) {
        this.activity = activity;
    }

    /** What commands do in the VM. */
    Activity activity() {
        return activity;
    }

    /** Held by whoever makes or removes what the VM is made of. */
    Object changes() {
        return changes;
    }

    /** The VM's snapshots; empty until it is launched, and where another program launched it. */
    Optional<Snapshots> snapshots() {
        return snapshots;
    }

    void snapshots(Snapshots own) {
        snapshots = Optional.of(own);
    }
}
