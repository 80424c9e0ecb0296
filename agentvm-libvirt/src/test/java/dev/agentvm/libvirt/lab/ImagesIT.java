package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Command;
import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.ImageInUseException;
import dev.agentvm.KernelImage;
import dev.agentvm.LaunchOptions;
import dev.agentvm.StoredImage;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An image that VMs have their disks of. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ImagesIT {
    private static final LaunchOptions RESETTABLE =
            new LaunchOptions.Builder().resettable(true).build();

    @TempDir
    Path temporary;

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void disk_ofTwoVMs_isNeitherWrittenNorRemovedWhileAnyOfThemLives() throws Exception {
        byte[] content = new byte[1024 * 1024];
        new Random(1).nextBytes(content);
        DiskImage made = new DiskImage.Builder()
                .disk(Files.write(temporary.resolve("disk.raw"), content))
                .format(DiskFormat.RAW)
                .build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            StoredImage image = hypervisor.images().add("shared", made);
            Path disk = image.files().get(0).path();
            // It is not for want of a right that nobody writes there.
            Lab.host("chown", "libvirt-qemu:", disk.toString());
            KernelImage boot = tiny(hypervisor).withDisk(disk).withDiskFormat(DiskFormat.RAW);
            try (VM one = hypervisor.launch(Lab.tiny("one").withImage(boot));
                    VM other = hypervisor.launch(Lab.tiny("other").withImage(boot), RESETTABLE)) {
                String sum = Lab.host("sha256sum", disk.toString()).substring(0, 64);
                assertThat(sumOfDisk(one)).isEqualTo(sumOfDisk(other)).isEqualTo(sum);

                write(one, "of one");
                other.snapshot("clean");
                write(other, "of other");

                assertThat(read(one)).startsWith("of one");
                assertThat(read(other)).isEqualTo("of other");
                one.destroy();
                // There are two layers of its own above the image.
                assertThatThrownBy(() -> hypervisor.images().remove("shared"))
                        .isInstanceOf(ImageInUseException.class)
                        .hasMessageContaining("'other'");
                assertThat(disk).hasBinaryContent(content);
            }
            assertThat(disk).hasBinaryContent(content);
            assertThat(hypervisor.images().remove("shared")).isTrue();
        }
    }

    private static KernelImage tiny(Hypervisor hypervisor) {
        return hypervisor.images().list().stream()
                .filter(image -> image.name().equals("tiny"))
                .map(image -> (KernelImage) image.image())
                .findFirst()
                .orElseThrow();
    }

    private static String sumOfDisk(VM vm) {
        return Lab.output(vm, Command.shell("head -c 1048576 /dev/vda | sha256sum | cut -c 1-64"));
    }

    private static void write(VM vm, String text) {
        Lab.output(vm, Command.shell("printf '" + text + "' >/dev/vda; sync; echo 3 >/proc/sys/vm/drop_caches"));
    }

    private static String read(VM vm) {
        return Lab.output(vm, Command.shell("head -c 8 /dev/vda"));
    }
}
