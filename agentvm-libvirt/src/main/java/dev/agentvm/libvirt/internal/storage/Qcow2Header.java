package dev.agentvm.libvirt.internal.storage;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the header of a qcow2 file says (docs/interop/qcow2.txt in QEMU).
 *
 * @param size the size that a guest sees, in bytes
 * @param complete whether it needs no other file: neither one that it is an overlay of, nor one with its data
 */
record Qcow2Header(long size, boolean complete) {
    /** "QFI\xfb". */
    private static final int MAGIC = 0x514649fb;
    /** From the size's end to the incompatible features, which version 2 has not. */
    private static final int SIZE_TO_FEATURES = 72 - 32;

    private static final int EXTERNAL_DATA = 1 << 2;

    static Qcow2Header read(Path path) throws IOException {
        try (InputStream file = Files.newInputStream(path);
                DataInputStream header = new DataInputStream(file)) {
            if (header.readInt() != MAGIC) {
                throw new IOException("it is not in qcow2 format; if it is raw, say so");
            }
            int version = header.readInt();
            long backing = header.readLong();
            header.skipNBytes(2L * Integer.BYTES);
            long size = header.readLong();
            boolean external = false;
            if (version >= 3) {
                header.skipNBytes(SIZE_TO_FEATURES);
                external = (header.readLong() & EXTERNAL_DATA) != 0;
            }
            return new Qcow2Header(size, backing == 0 && !external);
        }
    }
}
