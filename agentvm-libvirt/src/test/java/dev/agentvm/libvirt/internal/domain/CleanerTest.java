package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.FailureContext;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.connection.StoragePools;
import dev.agentvm.libvirt.internal.journal.Entry;
import dev.agentvm.libvirt.internal.journal.Resource;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.network.Stub;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class CleanerTest {
    private static final String ID = UUID.randomUUID().toString();
    private static final Entry VOLUME = new Entry(Resource.VOLUME, List.of("pool", "volume"));
    private static final Entry FILTER = new Entry(Resource.FILTER, List.of("filter"));
    private static final Entry DOMAIN = new Entry(Resource.DOMAIN, List.of(ID, "vm"));
    private static final Entry RESERVATION = new Entry(Resource.RESERVATION, List.of(ID));
    private static final List<Entry> ALL = List.of(VOLUME, FILTER, DOMAIN, RESERVATION);

    private final List<String> removed = new ArrayList<>();
    private final Stub<Domains> domains = Stub.of(Domains.class).on("destroy", arguments -> removed.add("domain"));
    private final Stub<NetworkFilters> filters = Stub.of(NetworkFilters.class)
            .on("undefine", arguments -> removed.add((String) arguments[0]))
            .on("lookup", arguments -> {
                UUID reservation = (UUID) arguments[0];
                return Optional.of(new NetworkFilters.Info("agentvm-address-net-9.9.9.9", reservation));
            });
    private final Stub<StoragePools> storage =
            Stub.of(StoragePools.class).on("deleteVolume", arguments -> removed.add((String) arguments[1]));

    private Cleaner cleaner() {
        Libvirt libvirt = Stub.of(Libvirt.class)
                .on("domains", domains.get())
                .on("filters", filters.get())
                .on("storage", storage.get())
                .get();
        return new Cleaner(libvirt, new Networking(libvirt, NetworkSettings.standard(), HostView.local()));
    }

    @Test
    void removeAll_domainsGoFirst_andTheOthersInTheirOrder() {
        assertThat(cleaner().removeAll(ALL)).isEmpty();
        assertThat(removed).containsExactly("domain", "volume", "filter", "agentvm-address-net-9.9.9.9");
    }

    @Test
    void removeAll_domainThatMayStillRun_keepsItsDiskItsFilterAndItsAddress() {
        domains.on("destroy", arguments -> {
            throw failure();
        });

        assertThat(cleaner().removeAll(ALL)).extracting(Cleaner.Failure::entry).containsExactly(DOMAIN);
        assertThat(removed).isEmpty();
    }

    @Test
    void removeAll_somethingElseThatFails_doesNotKeepTheRest() {
        storage.on("deleteVolume", arguments -> {
            throw failure();
        });

        assertThat(cleaner().removeAll(ALL)).extracting(Cleaner.Failure::entry).containsExactly(VOLUME);
        assertThat(removed).containsExactly("domain", "filter", "agentvm-address-net-9.9.9.9");
    }

    private static OperationTimeoutException failure() {
        return new OperationTimeoutException("libvirt did not answer", FailureContext.of("remove"));
    }
}
