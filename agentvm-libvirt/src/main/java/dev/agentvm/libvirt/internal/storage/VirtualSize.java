package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.FailureContext;
import dev.agentvm.ImageNotFoundException;
import java.io.IOException;
import java.nio.file.Files;

/** How large a disk looks to a guest. */
final class VirtualSize {
    private VirtualSize() {}

    /**
     * The size in bytes.
     *
     * @throws ImageNotFoundException if the file cannot be read, or is not of the format that it should be
     */
    static long of(BootSource.Backing backing) {
        try {
            return switch (backing.format()) {
                case RAW -> Files.size(backing.file());
                case QCOW2 -> Qcow2Header.read(backing.file()).size();
            };
        } catch (IOException e) {
            throw new ImageNotFoundException(
                    "The disk image " + backing.file() + " cannot be read: " + e,
                    FailureContext.of("find the image"),
                    e);
        }
    }
}
