package dev.agentvm.testkit;

import dev.agentvm.DiskImage;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.ImageAlreadyExistsException;
import dev.agentvm.ImageFile;
import dev.agentvm.ImageInUseException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.Images;
import dev.agentvm.InvalidValueException;
import dev.agentvm.KernelImage;
import dev.agentvm.NamedImage;
import dev.agentvm.StoredImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The named images of a fake host. Of files that are added it keeps how long they are and their sums; those of images that
 * it has from the start are empty. Safe for use by many threads.
 */
final class FakeImages implements Images {
    private static final FailureContext CONTEXT = FailureContext.of("images");
    private static final Path DIRECTORY = Path.of("/var/lib/agentvm/images");

    private final Map<String, StoredImage> images = new TreeMap<>();
    private final Function<NamedImage, Optional<String>> user;

    /** No images yet; {@code user} tells which VM uses one. */
    FakeImages(Function<NamedImage, Optional<String>> user) {
        this.user = user;
    }

    synchronized boolean contains(NamedImage image) {
        return images.containsKey(image.name());
    }

    /** An image of empty files. */
    synchronized void put(NamedImage image) {
        Path kernel = DIRECTORY.resolve(image.name()).resolve("vmlinuz");
        images.put(
                image.name(),
                new StoredImage.Builder()
                        .name(image.name())
                        .image(new KernelImage.Builder()
                                .kernel(kernel)
                                .commandLine("console=ttyS0")
                                .build())
                        .addFile(new ImageFile.Builder()
                                .path(kernel)
                                .bytes(0)
                                .sha256(HexFormat.of().formatHex(sha256().digest()))
                                .build())
                        .build());
    }

    @Override
    public synchronized List<StoredImage> list() {
        return List.copyOf(images.values());
    }

    @Override
    public synchronized StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
        Import adding = new Import(new NamedImage(name), sha256);
        StoredImage stored = adding.of(image);
        adding.requireAllSumsUsed();
        if (images.containsKey(name)) {
            throw new ImageAlreadyExistsException(
                    "There is an image named '" + name + "' already; choose another name, or remove it", CONTEXT);
        }
        images.put(name, stored);
        return stored;
    }

    @Override
    public synchronized boolean remove(String name) {
        user.apply(new NamedImage(name)).ifPresent(vm -> {
            throw new ImageInUseException(
                    "The image '" + name + "' is used by the VM '" + vm + "'; destroy it first", CONTEXT);
        });
        return images.remove(name) != null;
    }

    /** One image that is being added. */
    private final class Import {
        private final Path home;
        private final Map<Path, String> sums;
        private final StoredImage.Builder stored;
        private final Map<Path, String> used = new TreeMap<>();

        Import(NamedImage name, Map<Path, String> sums) {
            this.home = DIRECTORY.resolve(name.name());
            this.sums = sums;
            this.stored = new StoredImage.Builder().name(name.name());
        }

        StoredImage of(GuestImage image) {
            if (image instanceof KernelImage kernel) {
                KernelImage.Builder copy = kernel.toBuilder().kernel(file(kernel.kernel(), "vmlinuz"));
                kernel.initrd().ifPresent(initrd -> copy.initrd(file(initrd, "initrd")));
                kernel.disk().ifPresent(disk -> copy.disk(file(disk, "disk")));
                return stored.image(copy.build()).build();
            }
            if (image instanceof DiskImage disk) {
                return stored.image(disk.withDisk(file(disk.disk(), "disk"))).build();
            }
            throw new InvalidValueException(
                    "image", image, "must be a disk or a kernel: GuestImage.disk(…), GuestImage.kernel(…)");
        }

        private Path file(Path source, String target) {
            ImageFile original = known(source).orElseGet(() -> read(source));
            String sum = original.sha256().orElseThrow();
            String wanted = sums.getOrDefault(source, sum);
            if (!wanted.equalsIgnoreCase(sum)) {
                throw new InvalidValueException("sha256", wanted, "is not that of " + source + ", which has " + sum);
            }
            used.put(source, sum);
            Path path = home.resolve(target);
            stored.addFile(new ImageFile.Builder()
                    .path(path)
                    .bytes(original.bytes())
                    .sha256(sum)
                    .build());
            return path;
        }

        void requireAllSumsUsed() {
            sums.keySet().stream()
                    .filter(path -> !used.containsKey(path))
                    .findFirst()
                    .ifPresent(path -> {
                        throw new InvalidValueException(
                                "sha256", path, "must be one of the image's files, " + used.keySet());
                    });
        }

        private Optional<ImageFile> known(Path path) {
            return images.values().stream()
                    .flatMap(image -> image.files().stream())
                    .filter(file -> file.path().equals(path))
                    .findFirst();
        }

        private ImageFile read(Path path) {
            MessageDigest digest = sha256();
            try (InputStream file = new DigestInputStream(Files.newInputStream(path), digest)) {
                return new ImageFile.Builder()
                        .path(path)
                        .bytes(file.transferTo(OutputStream.nullOutputStream()))
                        .sha256(HexFormat.of().formatHex(digest.digest()))
                        .build();
            } catch (IOException e) {
                throw new ImageNotFoundException("The file " + path + " cannot be read: " + e, CONTEXT, e);
            }
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JVM has SHA-256", e);
        }
    }
}
