package dev.agentvm.libvirt.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.ImageAlreadyExistsException;
import dev.agentvm.ImageInUseException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.KernelImage;
import dev.agentvm.StoredImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageImportTest {
    private static final int VERSION = 7;
    private static final int BACKING = 15;
    private static final int FEATURES = 79;

    @TempDir
    private Path temporary;

    private Path sources;
    private Path directory;
    private ImageDirectory images;

    @BeforeEach
    void makeDirectories() throws IOException {
        sources = Files.createDirectory(temporary.toRealPath().resolve("sources"));
        directory = temporary.toRealPath().resolve("not/yet/there");
        images = new ImageDirectory(directory);
    }

    private Path source(String name, byte[] content) throws IOException {
        Path file = Files.write(sources.resolve(name), content);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    /** A qcow2 header of version 3 of a disk of 1 MiB, with one byte of it changed. */
    private static byte[] qcow2(int at, int value) {
        byte[] header = Arrays.copyOf(new byte[] {'Q', 'F', 'I', (byte) 0xfb}, 104);
        header[VERSION] = 3;
        header[29] = 0x10;
        header[at] = (byte) value;
        return header;
    }

    private static byte[] qcow2() {
        return qcow2(VERSION, 3);
    }

    private List<String> inDirectory() throws IOException {
        if (!Files.exists(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void add_disk_isResolvedAsItWasSaid() throws IOException {
        DiskImage image = GuestImage.disk(source("a.img", qcow2())).withFirmware(Firmware.UEFI);

        StoredImage stored = images.add("cloud", image, Map.of());

        Path copy = directory.resolve("cloud/disk.qcow2");
        assertThat(stored.image()).isEqualTo(image.withDisk(copy));
        assertThat(images.resolve(GuestImage.named("cloud"))).isEqualTo(BootSource.of(image.withDisk(copy)));
        assertThat(Files.readAllBytes(copy)).isEqualTo(qcow2());
        assertThat(images.list()).containsExactly(stored);
    }

    @Test
    void add_kernelWithDisk_keepsItsCommandLineToTheCharacter() throws IOException {
        KernelImage image = new KernelImage.Builder()
                .kernel(source("k", new byte[] {1}))
                .initrd(source("i", new byte[] {2}))
                .disk(source("d", new byte[] {3}))
                .diskFormat(DiskFormat.RAW)
                .commandLine("root=/dev/vda a=\\n b=#! c=ä:=")
                .build();

        StoredImage stored = images.add("linux", image, Map.of());

        assertThat(stored.image())
                .isEqualTo(image.withKernel(directory.resolve("linux/vmlinuz"))
                        .withInitrd(directory.resolve("linux/initrd"))
                        .withDisk(directory.resolve("linux/disk.raw")));
    }

    @Test
    void add_privateFiles_areReadableByQemu() throws IOException {
        images.add("cloud", GuestImage.disk(source("a.img", qcow2())), Map.of());

        assertThat(permissions("cloud")).isEqualTo("rwxr-xr-x");
        assertThat(permissions("cloud/disk.qcow2")).isEqualTo("rw-r--r--");
        assertThat(permissions("cloud/image.properties")).isEqualTo("rw-r--r--");
    }

    private String permissions(String path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve(path)));
    }

    @Test
    void add_largeFileWithHoles_isCopiedByteForByte() throws Exception {
        byte[] content = new byte[5 * 1024 * 1024 + 17];
        content[0] = 1;
        content[3 * 1024 * 1024] = 2;
        Path disk = source("raw", content);
        String sum =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));

        StoredImage stored = images.add("raw", GuestImage.disk(disk).withFormat(DiskFormat.RAW), Map.of(disk, sum));

        Path copy = directory.resolve("raw/disk.raw");
        assertThat(Files.mismatch(disk, copy)).isEqualTo(-1);
        assertThat(stored.files().get(0).sha256()).contains(sum);
    }

    @Test
    void add_sumThatIsNone_isRefused() throws IOException {
        Path disk = source("a.img", qcow2());

        assertThatThrownBy(() -> images.add("a", GuestImage.disk(disk), Map.of(disk, "abc")))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("64 hexadecimal digits");
        assertThat(inDirectory()).isEmpty();
    }

    @Test
    void add_diskThatNeedsOtherFiles_isRefusedAndLeavesNothing() throws IOException {
        for (byte[] header : List.of(qcow2(BACKING, 104), qcow2(FEATURES, 4))) {
            Path disk = source("overlay.qcow2", header);

            assertThatThrownBy(() -> images.add("a", GuestImage.disk(disk), Map.of()))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageContainingAll("overlay.qcow2", "must not need another file", "qemu-img convert");
            assertThat(inDirectory()).isEmpty();
        }
    }

    @Test
    void add_oldQcow2WhoseFeaturesAreSomethingElse_isTaken() throws IOException {
        byte[] header = qcow2(FEATURES, 4);
        header[VERSION] = 2;

        images.add("a", GuestImage.disk(source("old.qcow2", header)), Map.of());

        assertThat(inDirectory()).containsExactly("a");
    }

    @Test
    void add_rawDiskCalledQcow2_isRefusedAndLeavesNothing() throws IOException {
        Path disk = source("raw", new byte[512]);

        assertThatThrownBy(() -> images.add("a", GuestImage.disk(disk), Map.of()))
                .isInstanceOf(ImageNotFoundException.class)
                .hasMessageContaining("not in qcow2 format");
        assertThat(inDirectory()).isEmpty();
    }

    @Test
    void add_badName_isRefused() throws IOException {
        GuestImage image = GuestImage.disk(source("a.img", qcow2()));

        for (String name : List.of("", ".hidden", "../a", "a/b")) {
            assertThatThrownBy(() -> images.add(name, image, Map.of())).isInstanceOf(InvalidValueException.class);
            assertThatThrownBy(() -> images.remove(name, home -> Optional.empty()))
                    .isInstanceOf(InvalidValueException.class);
        }
        assertThat(inDirectory()).isEmpty();
    }

    @Test
    void add_nameOfAnyFile_isTaken() throws IOException {
        Files.createDirectories(directory.resolve("a"));
        GuestImage image = GuestImage.disk(source("a.img", qcow2()));

        assertThatThrownBy(() -> images.add("a", image, Map.of())).isInstanceOf(ImageAlreadyExistsException.class);
        assertThat(inDirectory()).containsExactly("a");
    }

    @Test
    void publish_anotherProgramWasQuicker_nameIsTaken() throws IOException {
        images.add("a", GuestImage.disk(source("a.img", qcow2())), Map.of());
        Path late = Files.createDirectory(directory.resolve("late"));

        assertThatThrownBy(() -> ImageImport.publish(late, directory.resolve("a")))
                .isInstanceOf(ImageAlreadyExistsException.class)
                .hasMessageContainingAll("'a'", directory.toString());
    }

    @Test
    void add_directoryThatCannotBe_saysWhatToDo() throws IOException {
        Files.createDirectories(directory.getParent());
        Files.writeString(directory, "a file");
        GuestImage image = GuestImage.disk(source("a.img", qcow2()));

        assertThatThrownBy(() -> images.add("a", image, Map.of()))
                .isInstanceOf(HostNotReadyException.class)
                .hasMessageContainingAll(directory.toString(), "imageDirectory(…)");
    }

    @Test
    void add_remainsOfProgramThatDied_goAfterTwoDays() throws IOException {
        Files.createDirectories(directory);
        Path old = Files.createDirectory(directory.resolve(".a." + UUID.randomUUID()));
        Files.writeString(old.resolve("image.properties"), "kernel=vmlinuz\n");
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofDays(3))));
        Path young = Files.createDirectory(directory.resolve(".b." + UUID.randomUUID()));
        Path foreign = Files.createDirectory(directory.resolve(".foreign"));
        Files.setLastModifiedTime(foreign, FileTime.from(Instant.EPOCH));

        assertThat(images.list()).isEmpty();
        images.add("c", GuestImage.disk(source("a.img", qcow2())), Map.of());

        assertThat(old).doesNotExist();
        assertThat(young).exists();
        assertThat(foreign).exists();
    }

    @Test
    void list_brokenImage_isLeftOut() throws IOException {
        images.add("good", GuestImage.disk(source("a.img", qcow2())), Map.of());
        Path bad = Files.createDirectory(directory.resolve("bad"));
        Files.writeString(bad.resolve("image.properties"), "kernel=missing\n");

        assertThat(images.list()).extracting(StoredImage::name).containsExactly("good");
    }

    @Test
    void remove_unused_removesAllOfItAndNothingElse() throws IOException {
        GuestImage image = GuestImage.disk(source("a.img", qcow2()));
        images.add("a", image, Map.of());
        images.add("b", image, Map.of());

        assertThat(images.remove("a", home -> Optional.empty())).isTrue();

        assertThat(inDirectory()).containsExactly("b");
        assertThat(images.remove("a", home -> Optional.empty())).isFalse();
    }

    @Test
    void remove_itsUsersCannotBeSeen_failsAndIsKept() throws IOException {
        StoredImage stored = images.add("a", GuestImage.disk(source("a.img", qcow2())), Map.of());
        int[] looks = {0};

        assertThatThrownBy(() -> images.remove("a", home -> {
                    if (looks[0]++ == 1) {
                        throw new IllegalStateException("no libvirt");
                    }
                    return Optional.empty();
                }))
                .hasMessage("no libvirt");

        assertThat(images.list()).containsExactly(stored);
        assertThat(inDirectory()).containsExactly("a");
    }

    @Test
    void remove_link_leavesWhatItLinksTo() throws IOException {
        images.add("a", GuestImage.disk(source("a.img", qcow2())), Map.of());
        Files.createSymbolicLink(directory.resolve("default"), Path.of("a"));

        assertThat(images.remove("default", home -> {
                    assertThat(home).isEqualTo(directory.resolve("a"));
                    return Optional.empty();
                }))
                .isTrue();

        assertThat(inDirectory()).containsExactly("a");
        assertThat(images.list()).hasSize(1);
    }

    @Test
    void remove_usedBeforeOrInTheMeantime_isRefusedAndKept() throws IOException {
        StoredImage stored = images.add("a", GuestImage.disk(source("a.img", qcow2())), Map.of());

        for (int quietLooks = 0; quietLooks < 2; quietLooks++) {
            int[] looks = {quietLooks};
            assertThatThrownBy(() -> images.remove("a", home -> looks[0]-- > 0 ? Optional.empty() : Optional.of("vm")))
                    .isInstanceOf(ImageInUseException.class)
                    .hasMessageContaining("'vm'");
            assertThat(images.list()).containsExactly(stored);
            assertThat(inDirectory()).containsExactly("a");
        }
    }
}
