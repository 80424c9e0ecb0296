package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.spi.VMEventSource;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** What is told of one VM, for tests to look at. */
final class CollectedEvents implements VMEvents {
    private final List<VMEvent> all = new ArrayList<>();

    VMEventSource source() {
        return VMEventSource.ofForeign(this, () -> Instant.EPOCH, VMIdentity.of(new UUID(0, 1), "vm"));
    }

    List<VMEvent> all() {
        return all;
    }

    <E extends VMEvent> List<E> of(Class<E> type) {
        return all.stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Override
    public Registration listen(VMEventListener listener, int capacity) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void publish(VMEvent event) {
        all.add(event);
    }
}
