package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.AgentVMException;
import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.FailureContext;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.ImageFile;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.KernelImage;
import dev.agentvm.NamedImage;
import dev.agentvm.StoredImage;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
 * sha256.disk.qcow2=…     what a file held when the image was made; not looked at afterwards
 * </pre>
 *
 * <p>File names are relative to the subdirectory and do not leave it. Safe for use by many threads.
 */
public final class ImageDirectory {
    static final String MANIFEST = "image.properties";
    /** The key, less the file's name, of the SHA-256 that a file had when the image was made. */
    static final String SUM = "sha256.";

    private static final Logger LOG = LoggerFactory.getLogger(ImageDirectory.class);

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
            return named(named.name(), keys(named.name()));
        }
        BootSource source = image instanceof DiskImage disk ? BootSource.of(disk) : BootSource.of((KernelImage) image);
        source.files().forEach(ImageDirectory::requireFile);
        return source;
    }

    /** All images that {@link #resolve} finds, by name. */
    public List<StoredImage> list() {
        List<StoredImage> all = new ArrayList<>();
        List<String> names;
        try {
            names = Files.exists(directory) ? names() : List.of();
        } catch (UncheckedIOException e) {
            throw new HostNotReadyException(
                    "The image directory " + directory + " cannot be read (" + e.getCause()
                            + "); make it readable, or choose another with imageDirectory(…)",
                    FailureContext.of("list images"),
                    e);
        }
        for (String name : names) {
            try {
                all.add(describe(name));
            } catch (AgentVMException e) {
                LOG.warn("the image {} is left out: {}", name, e.getMessage());
            }
        }
        return all;
    }

    /** Adds an image, as {@link dev.agentvm.Images#add(String, GuestImage, Map)} says. */
    public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
        ImageImport.run(directory, name, image, sha256);
        return describe(name);
    }

    /**
     * Removes an image, as {@link dev.agentvm.Images#remove} says.
     *
     * @param user tells which VM, if one does, uses files below a directory
     */
    public boolean remove(String name, Function<Path, Optional<String>> user) {
        return ImageRemoval.run(directory, name, user);
    }

    private StoredImage describe(String name) {
        Properties keys = keys(name);
        BootSource source = named(name, keys);
        StoredImage.Builder image = new StoredImage.Builder().name(name).image(source.toImage());
        for (Path file : source.files().toList()) {
            image.addFile(new ImageFile.Builder()
                    .path(file)
                    .bytes(size(file))
                    .sha256(Optional.ofNullable(keys.getProperty(SUM + file.getFileName())))
                    .build());
        }
        return image.build();
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw notFound("The image's file " + file + " cannot be read: " + e);
        }
    }

    private Properties keys(String name) {
        Path manifest = directory.resolve(name).resolve(MANIFEST);
        Properties keys = new Properties();
        try (Reader reader = Files.newBufferedReader(manifest, StandardCharsets.UTF_8)) {
            keys.load(reader);
        } catch (NoSuchFileException e) {
            throw notFound("There is no image '" + name + "': " + manifest + " does not exist. " + available());
        } catch (IOException | IllegalArgumentException e) {
            throw notFound("The manifest " + manifest + " cannot be read: " + e);
        }
        return keys;
    }

    private BootSource named(String name, Properties keys) {
        Path home = directory.resolve(name);
        Path manifest = home.resolve(MANIFEST);
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
        try {
            List<String> names = names();
            return names.isEmpty()
                    ? directory + " holds no images"
                    : directory + " holds the images " + String.join(", ", names);
        } catch (UncheckedIOException e) {
            return "The image directory " + directory + " cannot be read (" + e.getCause()
                    + "); choose another with imageDirectory(…)";
        }
    }

    /** What begins with a dot is being added or removed. */
    private List<String> names() {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.filter(entry -> Files.exists(entry.resolve(MANIFEST)))
                    .map(entry -> entry.getFileName().toString())
                    .filter(name -> !name.startsWith("."))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ImageNotFoundException notFound(String message) {
        return new ImageNotFoundException(message, FailureContext.of("find the image"));
    }
}
