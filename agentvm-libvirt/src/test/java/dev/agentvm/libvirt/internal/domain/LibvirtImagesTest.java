package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.agentvm.DiskFormat;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.ImageInUseException;
import dev.agentvm.Images;
import dev.agentvm.KernelImage;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibvirtImagesTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void files_diskOfManyLayers_goDownToTheImage() {
        BootSource.Backing image = new BootSource.Backing(Path.of("/images/disk/disk.raw"), DiskFormat.RAW);
        VMDisk disk = new VMDisk(volume("c"), List.of(volume("b"), volume("a")), Optional.of(image));
        DomainXml domain = new DomainXml();
        domain.devices.disks.add(DomainRenderer.disk(disk, new BootSource.FromDisk(Firmware.BIOS, image)));

        assertThat(LibvirtImages.files(domain)).contains("/images/disk/disk.raw");
    }

    @Test
    void remove_vmOfItsDiskIsBeingReset_isRefused() throws IOException {
        GuestImage image = GuestImage.disk(Files.write(directory.resolve("a"), new byte[512]))
                .withFormat(DiskFormat.RAW);

        assertThat(removalDuringReset(image)).isInstanceOf(ImageInUseException.class);
    }

    @Test
    void remove_vmOfItsKernelIsBeingReset_isRefused() throws IOException {
        GuestImage image = new KernelImage.Builder()
                .kernel(Files.write(directory.resolve("k"), new byte[512]))
                .commandLine("")
                .build();

        assertThat(removalDuringReset(image)).isInstanceOf(ImageInUseException.class);
    }

    /** What comes of the removal of the image of a VM whose domain is about to be created anew. */
    private @Nullable Throwable removalDuringReset(GuestImage image) {
        AtomicReference<Throwable> outcome = new AtomicReference<>();
        try (TestDriverVM made = new TestDriverVM(directory, unused -> {})) {
            Images images = made.host().images();
            images.add("image", image);
            made.create(made.host().parts().images().resolve(GuestImage.named("image")), unused -> {
                assertThat(made.domains().state(made.vm().domain())).isEmpty();
                outcome.set(catchThrowable(() -> images.remove("image")));
                throw new IllegalStateException("no domain is created");
            });
            made.launched(() -> {});

            assertThatThrownBy(made.vm()::reset).hasMessage("no domain is created");

            assertThat(outcome.get()).hasMessageContaining(made.vm().name());
            assertThat(images.remove("image")).isTrue();
        }
        return outcome.get();
    }

    private static Volume volume(String name) {
        return new Volume("pool", name, "/pool/" + name);
    }
}
