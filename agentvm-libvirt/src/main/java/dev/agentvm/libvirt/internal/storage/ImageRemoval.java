package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.ImageInUseException;
import dev.agentvm.NamedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.function.Function;

/** Removes an image from the image directory. */
final class ImageRemoval {
    private static final FailureContext CONTEXT = FailureContext.of("remove the image");

    private ImageRemoval() {}

    /**
     * Removes the image of that name from {@code directory}, as {@link dev.agentvm.Images#remove} says. Launches cannot
     * find it from the moment on in which it is looked for its users for the last time.
     *
     * @param user tells who uses files below a directory
     */
    static boolean run(Path directory, String name, Function<Path, Optional<String>> user) {
        Path home = directory.resolve(new NamedImage(name).name());
        if (!Files.exists(home.resolve(ImageDirectory.MANIFEST))) {
            return false;
        }
        try {
            // In the manner of a VM's disk, which names files without links.
            Path real = home.toRealPath();
            requireUnused(name, user.apply(real));
            Path aside = HiddenDirectory.path(directory, name);
            Files.move(home, aside, StandardCopyOption.ATOMIC_MOVE);
            boolean unused = false;
            try {
                requireUnused(name, user.apply(real));
                unused = true;
            } finally {
                if (!unused) {
                    Files.move(aside, home, StandardCopyOption.ATOMIC_MOVE);
                }
            }
            HiddenDirectory.delete(aside);
            return true;
        } catch (NoSuchFileException e) {
            // Another program was quicker.
            return false;
        } catch (IOException e) {
            throw new HostNotReadyException(
                    "The image '" + name + "' cannot be removed from " + directory + " (" + e
                            + "); run this as a user who may write there",
                    CONTEXT,
                    e);
        }
    }

    private static void requireUnused(String name, Optional<String> user) {
        user.ifPresent(vm -> {
            throw new ImageInUseException(
                    "The image '" + name + "' is used by the VM '" + vm
                            + "'; destroy it first, or reap() what a program left of it that died",
                    CONTEXT);
        });
    }
}
