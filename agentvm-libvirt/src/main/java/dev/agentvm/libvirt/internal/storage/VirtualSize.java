package dev.agentvm.libvirt.internal.storage;

import dev.agentvm.FailureContext;
import dev.agentvm.ImageNotFoundException;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;

/** How large a disk looks to a guest. */
final class VirtualSize {
    /** "QFI\xfb", the first four bytes of a qcow2 file (docs/interop/qcow2.txt in QEMU). */
    private static final int QCOW2_MAGIC = 0x514649fb;

    private static final int BEFORE_SIZE = 20;

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
                case QCOW2 -> qcow2(backing);
            };
        } catch (IOException e) {
            throw new ImageNotFoundException(
                    "The disk image " + backing.file() + " cannot be read: " + e,
                    FailureContext.of("find the image"),
                    e);
        }
    }

    private static long qcow2(BootSource.Backing backing) throws IOException {
        try (InputStream file = Files.newInputStream(backing.file());
                DataInputStream header = new DataInputStream(file)) {
            if (header.readInt() != QCOW2_MAGIC) {
                throw new IOException("it is not in qcow2 format; if it is raw, say so");
            }
            header.skipNBytes(BEFORE_SIZE);
            return header.readLong();
        }
    }
}
