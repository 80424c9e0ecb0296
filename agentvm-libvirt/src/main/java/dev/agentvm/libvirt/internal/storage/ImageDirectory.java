package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.FailureContext;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.KernelImage;
import dev.agentvm.NamedImage;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The directory of named images. Each is a subdirectory with a manifest, {@code image.properties}:
 *
 * <pre>
 * kernel=vmlinuz          a kernel that QEMU loads itself; without one the firmware boots the disk
 * initrd=initrd.img       its initial RAM disk
 * cmdline=root=/dev/vda   what the kernel is told
 * disk=disk.qcow2         the disk
 * disk.format=qcow2       how it is stored: qcow2 (the default) or raw
 * firmware=bios           what boots the disk: bios (the default) or uefi
 * </pre>
 *
 * <p>File names are relative to the subdirectory and do not leave it. Safe for use by many threads.
 */
public final class ImageDirectory {
    private static final String MANIFEST = "image.properties";

    private final Path directory;

    /** The images in {@code directory}. */
    public ImageDirectory(Path directory) {
        this.directory = directory;
    }

    /**
     * Finds the files of an image.
     *
     * @throws ImageNotFoundException if there is no such image, a file of it is missing, or its manifest is wrong
     */
    public BootSource resolve(GuestImage image) {
        if (image instanceof NamedImage named) {
            return named(named.name());
        }
        BootSource source = image instanceof DiskImage disk ? BootSource.of(disk) : BootSource.of((KernelImage) image);
        files(source).forEach(ImageDirectory::requireFile);
        return source;
    }

    private static List<Path> files(BootSource source) {
        Stream<Path> backing = source.backing().map(BootSource.Backing::file).stream();
        if (source instanceof BootSource.FromKernel kernel) {
            return Stream.of(Stream.of(kernel.kernel()), kernel.initrd().stream(), backing)
                    .flatMap(files -> files)
                    .toList();
        }
        return backing.toList();
    }

    private BootSource named(String name) {
        Path home = directory.resolve(name);
        Path manifest = home.resolve(MANIFEST);
        Properties keys = new Properties();
        try (Reader reader = Files.newBufferedReader(manifest, StandardCharsets.UTF_8)) {
            keys.load(reader);
        } catch (java.nio.file.NoSuchFileException e) {
            throw notFound("There is no image '" + name + "': " + manifest + " does not exist. " + available());
        } catch (IOException | IllegalArgumentException e) {
            throw notFound("The manifest " + manifest + " cannot be read: " + e);
        }
        Optional<BootSource.Backing> disk = file(home, manifest, keys, "disk")
                .map(file -> new BootSource.Backing(
                        file, choice(manifest, keys, "disk.format", DiskFormat.class, DiskFormat.QCOW2)));
        Optional<Path> kernel = file(home, manifest, keys, "kernel");
        if (kernel.isPresent()) {
            return new BootSource.FromKernel(
                    kernel.get(),
                    file(home, manifest, keys, "initrd"),
                    keys.getProperty("cmdline", "").strip(),
                    disk);
        }
        if (disk.isEmpty()) {
            throw notFound("The manifest " + manifest + " names neither a kernel nor a disk");
        }
        return new BootSource.FromDisk(choice(manifest, keys, "firmware", Firmware.class, Firmware.BIOS), disk.get());
    }

    private static Optional<Path> file(Path home, Path manifest, Properties keys, String key) {
        @Nullable String name = keys.getProperty(key);
        if (name == null) {
            return Optional.empty();
        }
        Path file = home.resolve(name.strip()).normalize();
        requireInside(file, home, manifest, key);
        requireFile(file);
        try {
            // QEMU's confinement is written for the path that it is given, so a link would be refused.
            Path real = file.toRealPath();
            requireInside(real, home.toRealPath(), manifest, key);
            return Optional.of(real);
        } catch (IOException e) {
            throw notFound("The " + key + " of " + manifest + " cannot be found: " + e);
        }
    }

    private static void requireInside(Path file, Path home, Path manifest, String key) {
        if (!file.startsWith(home)) {
            throw notFound("The manifest " + manifest + " names a " + key + " outside its directory: " + file);
        }
    }

    private static <E extends Enum<E>> E choice(
            Path manifest, Properties keys, String key, Class<E> type, E defaultChoice) {
        @Nullable String value = keys.getProperty(key);
        if (value == null) {
            return defaultChoice;
        }
        return Arrays.stream(type.getEnumConstants())
                .filter(choice -> choice.name().equalsIgnoreCase(value.strip()))
                .findFirst()
                .orElseThrow(() ->
                        notFound("The manifest " + manifest + " says " + key + "=" + value + "; it must be one of "
                                + Arrays.toString(type.getEnumConstants()).toLowerCase(Locale.ROOT)));
    }

    private static void requireFile(Path file) {
        if (!Files.isRegularFile(file)) {
            throw notFound("The image's file " + file + " does not exist or is not a file");
        }
    }

    private String available() {
        try (Stream<Path> entries = Files.list(directory)) {
            List<String> names = entries.filter(entry -> Files.exists(entry.resolve(MANIFEST)))
                    .map(entry -> entry.getFileName().toString())
                    .sorted()
                    .toList();
            return names.isEmpty()
                    ? directory + " holds no images"
                    : directory + " holds the images " + String.join(", ", names);
        } catch (IOException e) {
            return "The image directory " + directory + " cannot be read (" + e
                    + "); choose another with imageDirectory(…)";
        }
    }

    private static ImageNotFoundException notFound(String message) {
        return new ImageNotFoundException(message, FailureContext.of("find the image"));
    }
}
