package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GuestImageTest {
    private static final Path KERNEL = Path.of("/images/vmlinuz");
    private static final KernelImage LINUX = GuestImage.kernel(KERNEL, Path.of("/images/initrd"), "console=ttyS0");

    @ParameterizedTest
    @ValueSource(strings = {"default", "debian-12", "1st", "a.b_c", "..."})
    void named_goodOrBadStart_isJudgedByTheFirstCharacter(String name) {
        if (name.startsWith(".")) {
            assertThatThrownBy(() -> GuestImage.named(name)).isInstanceOf(InvalidValueException.class);
        } else {
            assertThat(GuestImage.named(name).name()).isEqualTo(name);
        }
    }

    @ParameterizedTest
    @MethodSource("dev.agentvm.BadNames#all")
    void named_badName_isRefusedAndPointsToPaths(String name) {
        assertThatThrownBy(() -> GuestImage.named(name))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("image '")
                .hasMessageContaining("GuestImage.disk");
    }

    @Test
    void named_lengthAtAndOverItsBound_isTakenAndRefused() {
        assertThat(GuestImage.named("i".repeat(64)).name()).hasSize(64);
        assertThatThrownBy(() -> GuestImage.named("i".repeat(65))).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void disk_pathAlone_isQcow2BootedByBios() {
        DiskImage image = GuestImage.disk(Path.of("/images/a.qcow2"));
        assertThat(image.disk()).isEqualTo(Path.of("/images/a.qcow2"));
        assertThat(image.format()).isEqualTo(DiskFormat.QCOW2);
        assertThat(image.firmware()).isEqualTo(Firmware.BIOS);
        assertThat(image.toBuilder().build()).isEqualTo(image).hasSameHashCodeAs(image);
        assertThat(image.withFirmware(Firmware.UEFI)).isNotEqualTo(image);
    }

    @Test
    void kernel_withInitrd_hasNoDisk() {
        assertThat(LINUX.kernel()).isEqualTo(KERNEL);
        assertThat(LINUX.initrd()).contains(Path.of("/images/initrd"));
        assertThat(LINUX.commandLine()).isEqualTo("console=ttyS0");
        assertThat(LINUX.disk()).isEmpty();
        assertThat(LINUX.diskFormat()).isEqualTo(DiskFormat.QCOW2);
        assertThat(LINUX.toBuilder().build()).isEqualTo(LINUX).hasSameHashCodeAs(LINUX);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a.qcow2",
                "./a.qcow2",
                "../a",
                "/images/../etc/shadow",
                "/images/./a",
                "/images/a\n",
                "/a\u001b"
            })
    void path_relativeUnnormalizedOrUnprintable_isRefusedEverywhere(String text) {
        Path path = Path.of(text);
        assertThatThrownBy(() -> GuestImage.disk(path))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("disk '");
        assertThatThrownBy(() -> LINUX.withKernel(path))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("kernel '");
        assertThatThrownBy(() -> LINUX.withInitrd(path))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("initrd '");
        assertThatThrownBy(() -> LINUX.withDisk(path))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("disk '");
    }

    @Test
    void path_spacesAndXmlCharacters_areKept() {
        assertThat(GuestImage.disk(Path.of("/my images/<a> & 'b'.qcow2")).disk())
                .hasToString("/my images/<a> & 'b'.qcow2");
    }

    @Test
    void commandLine_lengthAndLines_areBounded() {
        assertThat(LINUX.withCommandLine("").commandLine()).isEmpty();
        assertThat(LINUX.withCommandLine("x".repeat(2000)).commandLine()).hasSize(2000);
        for (String bad : List.of("x".repeat(2001), "a\nb", "a\0", "\ud800", "\uffff")) {
            assertThatThrownBy(() -> LINUX.withCommandLine(bad))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageStartingWith("commandLine '");
        }
    }

    @Test
    void kernel_withoutCommandLine_isRefused() {
        assertThatThrownBy(() -> new KernelImage.Builder().kernel(KERNEL).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("commandLine");
    }

    @Test
    @SuppressWarnings("NullAway")
    void factories_null_failAtOnce() {
        assertThatThrownBy(() -> GuestImage.named(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> GuestImage.disk(null)).isInstanceOf(NullPointerException.class);
    }
}
