package dev.agentvm.libvirt.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.HostNotReadyException;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class VolumePoolTest {
    @Test
    void directory_onATmpfs_isInMemory() {
        assertThat(VolumePool.isInMemory(Path.of("/dev/shm"))).isTrue();
    }

    @Test
    void directory_elsewhereOrNotThere_isNot() {
        assertThat(VolumePool.isInMemory(Path.of("/proc"))).isFalse();
        assertThat(VolumePool.isInMemory(Path.of("/dev/shm/not-there"))).isFalse();
    }

    @Test
    void create_poolOfThatNameIsActiveElsewhere_isRefused() {
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of("test:///default"))) {
            String name = "pool-" + UUID.randomUUID();
            Path elsewhere = Path.of("/somewhere/else");
            libvirt.storage().definePool(LibvirtXml.write(VolumePool.render(name, elsewhere)));
            libvirt.storage().startPool(name);

            assertThatThrownBy(() -> new VolumePool(libvirt, name, Path.of("/dev/shm")).createRaw("disk", 0))
                    .isInstanceOf(HostNotReadyException.class)
                    .hasMessageContainingAll(name, "/somewhere/else", "/dev/shm", "storagePool(…)");
            assertThat(libvirt.storage().listVolumes(name)).isEmpty();

            assertThat(new VolumePool(libvirt, name, elsewhere)
                            .createRaw("disk", 0)
                            .path())
                    .isEqualTo("/somewhere/else/disk");
        }
    }
}
