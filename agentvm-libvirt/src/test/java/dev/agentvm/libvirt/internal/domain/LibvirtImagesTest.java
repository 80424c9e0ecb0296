package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.DiskFormat;
import dev.agentvm.Firmware;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LibvirtImagesTest {
    @Test
    void files_diskOfManyLayers_goDownToTheImage() {
        BootSource.Backing image = new BootSource.Backing(Path.of("/images/disk/disk.raw"), DiskFormat.RAW);
        VMDisk disk = new VMDisk(volume("c"), List.of(volume("b"), volume("a")), Optional.of(image));
        DomainXml domain = new DomainXml();
        domain.devices.disks.add(DomainRenderer.disk(disk, new BootSource.FromDisk(Firmware.BIOS, image)));

        assertThat(LibvirtImages.files(domain)).contains("/images/disk/disk.raw");
    }

    private static Volume volume(String name) {
        return new Volume("pool", name, "/pool/" + name);
    }
}
