package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.Flow;
import dev.agentvm.network.Flow.Direction;
import dev.agentvm.network.IPv4Address;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** For which name a VM got which address last; of the latest addresses only. Not thread-safe. */
final class Names {
    private static final int CAPACITY = 4096;

    private final Map<IPv4Address, String> byAddress = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<IPv4Address, String> eldest) {
            return size() > CAPACITY;
        }
    };

    void learn(DnsAnswer answer) {
        for (IPv4Address address : answer.addresses()) {
            byAddress.remove(address);
            byAddress.put(address, answer.query());
        }
    }

    /** The name of the one that the VM has to do with. */
    Optional<String> of(Flow flow) {
        Optional<IPv4Address> other = flow.direction() == Direction.FROM_VM ? flow.destination() : flow.source();
        return other.map(byAddress::get);
    }
}
