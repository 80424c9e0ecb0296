package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.ImageAlreadyExistsException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.KernelImage;
import dev.agentvm.NamedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

/**
 * Copies an image into the image directory: into a hidden directory beside the others first, which is then renamed, so that
 * nobody ever sees a part of it.
 */
final class ImageImport {
    private static final FailureContext CONTEXT = FailureContext.of("add the image");
    private static final int BLOCK = 1024 * 1024;
    private static final byte[] ZEROS = new byte[BLOCK];

    private final Path directory;
    private final String name;
    private final Map<Path, String> sums = new LinkedHashMap<>();
    private final Map<Path, String> targets = new LinkedHashMap<>();
    private final Properties manifest = new Properties();

    private ImageImport(Path directory, String name, GuestImage image, Map<Path, String> sha256) {
        this.directory = directory;
        this.name = new NamedImage(name).name();
        if (image instanceof KernelImage kernel) {
            file("kernel", kernel.kernel(), "vmlinuz");
            kernel.initrd().ifPresent(initrd -> file("initrd", initrd, "initrd"));
            manifest.setProperty("cmdline", kernel.commandLine());
            kernel.disk().ifPresent(disk -> disk(disk, kernel.diskFormat()));
        } else if (image instanceof DiskImage disk) {
            disk(disk.disk(), disk.format());
            manifest.setProperty("firmware", lower(disk.firmware()));
        } else {
            throw new InvalidValueException(
                    "image", image, "must be a disk or a kernel: GuestImage.disk(…), GuestImage.kernel(…)");
        }
        sha256.forEach(this::sum);
    }

    /** Adds {@code image} to {@code directory}, as {@link dev.agentvm.Images#add} says. */
    static void run(Path directory, String name, GuestImage image, Map<Path, String> sha256) {
        new ImageImport(directory, name, image, sha256).run();
    }

    private void disk(Path disk, DiskFormat format) {
        file("disk", disk, "disk." + lower(format));
        manifest.setProperty("disk.format", lower(format));
    }

    private void file(String key, Path source, String target) {
        if (!Files.isRegularFile(source)) {
            throw new ImageNotFoundException("The " + key + " " + source + " does not exist or is not a file", CONTEXT);
        }
        if (targets.putIfAbsent(source, target) != null) {
            throw new InvalidValueException(key, source, "must be a file of its own");
        }
        manifest.setProperty(key, target);
    }

    private void sum(Path file, String sum) {
        if (!targets.containsKey(file)) {
            throw new InvalidValueException("sha256", file, "must be one of the image's files, " + targets.keySet());
        }
        if (!sum.matches("[0-9A-Fa-f]{64}")) {
            throw new InvalidValueException("sha256", sum, "must be 64 hexadecimal digits");
        }
        sums.put(file, sum.toLowerCase(Locale.ROOT));
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private void run() {
        Path home = directory.resolve(name);
        if (Files.exists(home, LinkOption.NOFOLLOW_LINKS)) {
            throw taken(home);
        }
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
            Path hidden = HiddenDirectory.create(directory, name);
            try {
                fill(hidden);
                publish(hidden, home);
            } finally {
                HiddenDirectory.delete(hidden);
            }
        } catch (IOException e) {
            throw new HostNotReadyException(
                    "The image '" + name + "' cannot be put into the image directory " + directory + " (" + e
                            + "); run this as a user who may write there, make room, or choose another with"
                            + " imageDirectory(…)",
                    CONTEXT,
                    e);
        }
    }

    static void publish(Path hidden, Path home) throws IOException {
        try {
            Files.move(hidden, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            // The JDK has no one exception for a target that is there.
            if (Files.exists(home, LinkOption.NOFOLLOW_LINKS)) {
                throw taken(home);
            }
            throw e;
        }
    }

    private static ImageAlreadyExistsException taken(Path home) {
        return new ImageAlreadyExistsException(
                "There is an image named '" + home.getFileName() + "' in " + home.getParent()
                        + " already; choose another name, or remove it",
                CONTEXT);
    }

    private void fill(Path hidden) throws IOException {
        for (Map.Entry<Path, String> file : targets.entrySet()) {
            Path source = file.getKey();
            Path target = hidden.resolve(file.getValue());
            String sum = copy(source, target);
            if (!sum.equals(sums.getOrDefault(source, sum))) {
                throw new InvalidValueException(
                        "sha256", sums.get(source), "is not that of " + source + ", which has " + sum);
            }
            manifest.setProperty(ImageDirectory.SUM + file.getValue(), sum);
            if (file.getValue().equals("disk.qcow2")) {
                requireComplete(source, target);
            }
        }
        Path written = hidden.resolve(ImageDirectory.MANIFEST);
        try (Writer writer = Files.newBufferedWriter(written, StandardCharsets.UTF_8)) {
            manifest.store(writer, null);
        }
        readable(written, "rw-r--r--");
        readable(hidden, "rwxr-xr-x");
    }

    /** An overlay would make QEMU read whatever file of the host it names. */
    private static void requireComplete(Path source, Path copy) {
        boolean complete;
        try {
            complete = Qcow2Header.read(copy).complete();
        } catch (IOException e) {
            throw new ImageNotFoundException("The disk image " + source + " cannot be used: " + e, CONTEXT, e);
        }
        if (!complete) {
            throw new InvalidValueException(
                    "disk", source, "must not need another file; 'qemu-img convert -O qcow2' makes one of both");
        }
    }

    /** By a file rather than a channel, which an interrupt of the thread would close. Blocks of zeros become holes. */
    private static String copy(Path source, Path target) throws IOException {
        MessageDigest digest = sha256();
        byte[] block = new byte[BLOCK];
        try (InputStream in = open(source);
                RandomAccessFile out = new RandomAccessFile(target.toFile(), "rw")) {
            long length = 0;
            for (int count = in.readNBytes(block, 0, BLOCK); count > 0; count = in.readNBytes(block, 0, BLOCK)) {
                digest.update(block, 0, count);
                if (!Arrays.equals(block, 0, count, ZEROS, 0, count)) {
                    out.seek(length);
                    out.write(block, 0, count);
                }
                length += count;
            }
            out.setLength(length);
            out.getFD().sync();
        }
        readable(target, "rw-r--r--");
        return HexFormat.of().formatHex(digest.digest());
    }

    private static InputStream open(Path source) {
        try {
            return Files.newInputStream(source);
        } catch (IOException e) {
            throw new ImageNotFoundException("The file " + source + " cannot be read: " + e, CONTEXT, e);
        }
    }

    /** QEMU runs as a user of its own. */
    private static void readable(Path path, String permissions) throws IOException {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JVM has SHA-256", e);
        }
    }
}
