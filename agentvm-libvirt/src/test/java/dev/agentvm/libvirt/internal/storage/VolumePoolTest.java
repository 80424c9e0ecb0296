package dev.agentvm.libvirt.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
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
}
