package dev.agentvm.libvirt.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.DiskFormat;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.ImageNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageDirectoryTest {
    @TempDir
    private Path temporary;

    private Path directory;
    private ImageDirectory images;

    @BeforeEach
    void realPath() throws IOException {
        directory = temporary.toRealPath();
        images = new ImageDirectory(directory);
    }

    @Test
    void resolve_kernelImage_findsItsFiles() throws IOException {
        Path home = image("tiny", "kernel=vmlinuz\ninitrd=initrd.img\ncmdline=console=ttyS0 quiet\n");
        Files.createFile(home.resolve("vmlinuz"));
        Files.createFile(home.resolve("initrd.img"));

        assertThat(images.resolve(GuestImage.named("tiny")))
                .isEqualTo(new BootSource.FromKernel(
                        home.resolve("vmlinuz"),
                        Optional.of(home.resolve("initrd.img")),
                        "console=ttyS0 quiet",
                        Optional.empty()));
    }

    @Test
    void resolve_diskImage_isBootedByItsFirmware() throws IOException {
        Path home = image("cloud", "disk=disk.raw\ndisk.format=RAW\nfirmware=uefi\n");
        Files.createFile(home.resolve("disk.raw"));

        assertThat(images.resolve(GuestImage.named("cloud")))
                .isEqualTo(new BootSource.FromDisk(
                        Firmware.UEFI, new BootSource.Backing(home.resolve("disk.raw"), DiskFormat.RAW)));
    }

    @Test
    void resolve_link_isTheFileItself() throws IOException {
        Path home = image("tiny", "kernel=vmlinuz\n");
        Files.createFile(home.resolve("vmlinuz"));
        Files.createSymbolicLink(directory.resolve("default"), home);

        assertThat(images.resolve(GuestImage.named("default")))
                .isEqualTo(new BootSource.FromKernel(home.resolve("vmlinuz"), Optional.empty(), "", Optional.empty()));
    }

    @Test
    void resolve_unknownName_saysWhereItLookedAndWhatIsThere() throws IOException {
        image("tiny", "kernel=vmlinuz\n");

        assertRefused("nosuch", "no image 'nosuch'", directory.toString(), "holds the images tiny");
    }

    @Test
    void resolve_noDirectory_saysHowToChooseAnother() {
        images = new ImageDirectory(directory.resolve("absent"));

        assertRefused("default", "absent", "imageDirectory(");
    }

    @Test
    void resolve_fileOutsideItsDirectory_isRefused() throws IOException {
        image("evil", "kernel=../../etc/passwd\n");

        assertRefused("evil", "outside its directory");
    }

    @Test
    void resolve_fileMissing_isNamed() throws IOException {
        image("broken", "kernel=vmlinuz\n");

        assertRefused("broken", "vmlinuz");
    }

    @Test
    void resolve_nothingToBoot_isRefused() throws IOException {
        image("empty", "cmdline=quiet\n");

        assertRefused("empty", "neither a kernel nor a disk");
    }

    @Test
    void resolve_unknownFormat_namesTheChoices() throws IOException {
        Path home = image("odd", "disk=disk\ndisk.format=vmdk\n");
        Files.createFile(home.resolve("disk"));

        assertRefused("odd", "disk.format=vmdk", "[qcow2, raw]");
    }

    @Test
    void resolve_pathThatIsNotThere_isRefused() {
        assertThatExceptionOfType(ImageNotFoundException.class)
                .isThrownBy(() -> images.resolve(GuestImage.disk(directory.resolve("no.qcow2"))))
                .withMessageContaining("no.qcow2");
    }

    @Test
    void virtualSize_qcow2_isWhatItsHeaderSays() throws IOException {
        byte[] header = new byte[104];
        header[0] = 'Q';
        header[1] = 'F';
        header[2] = 'I';
        header[3] = (byte) 0xfb;
        header[27] = 3;
        Path disk = Files.write(directory.resolve("disk.qcow2"), header);

        assertThat(VirtualSize.of(new BootSource.Backing(disk, DiskFormat.QCOW2)))
                .isEqualTo(3L << 32);
    }

    @Test
    void virtualSize_rawFileCalledQcow2_isRefused() throws IOException {
        Path disk = Files.write(directory.resolve("disk.qcow2"), new byte[512]);

        assertThatExceptionOfType(ImageNotFoundException.class)
                .isThrownBy(() -> VirtualSize.of(new BootSource.Backing(disk, DiskFormat.QCOW2)))
                .withMessageContaining("not in qcow2 format");
    }

    private Path image(String name, String manifest) throws IOException {
        Path home = Files.createDirectory(directory.resolve(name));
        Files.writeString(home.resolve("image.properties"), manifest);
        return home;
    }

    private void assertRefused(String name, String... parts) {
        assertThatExceptionOfType(ImageNotFoundException.class)
                .isThrownBy(() -> images.resolve(GuestImage.named(name)))
                .satisfies(e -> assertThat(e).message().contains(parts));
    }
}
