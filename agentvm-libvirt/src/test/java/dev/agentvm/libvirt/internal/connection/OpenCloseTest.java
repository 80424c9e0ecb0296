package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.HypervisorUnavailableException;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class OpenCloseTest {
    private static final int CYCLES = 200;

    /** The first connection leaves what is one per process: the event loop's descriptors, loaded libraries. */
    @BeforeAll
    static void openOnce() {
        Libvirt.open(LibvirtOptions.of(TestDriver.URI)).close();
        assertThatThrownBy(() -> Libvirt.open(LibvirtOptions.of("qemu:///system?socket=/nowhere")))
                .isInstanceOf(HypervisorUnavailableException.class);
    }

    @Test
    @Timeout(120)
    void manyCycles_leaveNeitherThreadsNorDescriptors() {
        Leaks before = Leaks.now();
        for (int i = 0; i < CYCLES; i++) {
            try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of(TestDriver.URI))) {
                libvirt.addListener(event -> {});
                DomainRef domain = libvirt.domains()
                        .create(TestDriver.domain(TestDriver.name("vm"), UUID.randomUUID(), "a"), Set.of());
                libvirt.domains().destroy(domain);
            }
            Leaks.assertNoThreads();
        }
        before.assertNone();
    }

    @Test
    @Timeout(60)
    void failedOpens_leaveNeitherThreadsNorDescriptors() {
        Leaks before = Leaks.now();
        for (int i = 0; i < 50; i++) {
            assertThatThrownBy(() -> Libvirt.open(LibvirtOptions.of("qemu:///system?socket=/nowhere")))
                    .isInstanceOf(HypervisorUnavailableException.class);
        }
        before.assertNone();
    }

    @Test
    @Timeout(60)
    void eventLoop_servesAllUntilTheLastCloses() {
        Leaks before = Leaks.now();
        Libvirt first = Libvirt.open(LibvirtOptions.of(TestDriver.URI));
        Libvirt second = Libvirt.open(LibvirtOptions.of(TestDriver.URI));
        first.close();
        assertThat(Leaks.libraryThreads()).contains("agentvm-libvirt-events");
        assertThat(second.host().hostname()).isNotEmpty();
        second.close();
        before.assertNone();
    }
}
