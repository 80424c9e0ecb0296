package dev.agentvm.libvirt.internal.seed;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;

/**
 * Writes an ISO 9660 image with a few files in its root directory. Section numbers are those of ECMA-119 (4th edition),
 * which is ISO 9660; the second set of names, in which lower case and hyphens are allowed, is as in Microsoft's "Joliet
 * Specification" of 1995. Pure: the same files give the same image, to the byte.
 *
 * <pre>
 * sector 0  the system area, zeros (6.2.1)
 *       16  volume descriptors: primary, supplementary (Joliet), terminator (8.3 to 8.5)
 *       19  path tables: primary in both byte orders, Joliet in both (6.9)
 *       23  root directories: primary, Joliet (6.8)
 *       25  the files
 * </pre>
 */
final class Iso9660 {
    private static final int SECTOR = 2048;
    private static final int DESCRIPTORS = 16;
    private static final int PATH_TABLES = 19;
    private static final int ROOTS = 23;
    private static final int FILES = 25;
    private static final int PATH_TABLE_SIZE = 10;
    private static final int DIRECTORY_FLAG = 2;
    /** "UCS-2 level 3" (Joliet, "Escape Sequences"). */
    private static final byte[] JOLIET_ESCAPES = {'%', '/', 'E'};

    private static final byte[] SELF = {0};
    private static final byte[] PARENT = {1};

    private final ByteBuffer image;
    private final String label;
    private final SortedMap<String, byte[]> files;

    private Iso9660(String label, SortedMap<String, byte[]> files) {
        this.label = label;
        this.files = files;
        int sectors = FILES + files.values().stream().mapToInt(Iso9660::sectors).sum();
        this.image = ByteBuffer.allocate(Math.multiplyExact(sectors, SECTOR));
    }

    /**
     * The image with that volume label.
     *
     * @param files what each file holds, by its name of letters, digits and hyphens; what is left of the name in upper case
     *     and without hyphens must be another in its first eight characters for each file
     */
    static byte[] write(String label, SortedMap<String, byte[]> files) {
        Iso9660 iso = new Iso9660(label, files);
        iso.descriptors();
        iso.pathTables();
        iso.root(Names.PRIMARY);
        iso.root(Names.JOLIET);
        iso.contents();
        return iso.image.array();
    }

    private static int sectors(byte[] content) {
        return (content.length + SECTOR - 1) / SECTOR;
    }

    /** How one of the two sets of names is written. */
    private enum Names {
        PRIMARY(StandardCharsets.US_ASCII, ROOTS, PATH_TABLES) {
            @Override
            byte[] identifier(String name) {
                // Eight of A-Z 0-9 _, a dot, no extension, a version (7.5.1, 10.1).
                String upper = name.toUpperCase(Locale.ROOT).replace("-", "");
                return text(upper.substring(0, Math.min(8, upper.length())) + ".;1");
            }
        },
        JOLIET(StandardCharsets.UTF_16BE, ROOTS + 1, PATH_TABLES + 2) {
            @Override
            byte[] identifier(String name) {
                // Without the version that readers strip, as other writers do: one that shows it would change the name.
                return text(name);
            }
        };

        private final Charset charset;
        private final int root;
        private final int pathTable;

        Names(Charset charset, int root, int pathTable) {
            this.charset = charset;
            this.root = root;
            this.pathTable = pathTable;
        }

        abstract byte[] identifier(String name);

        byte[] text(String text) {
            return text.getBytes(charset);
        }

        /** Text, filled up with blanks (7.4.3.2). */
        byte[] field(String text, int length) {
            return Arrays.copyOf(text(text + " ".repeat(length)), length);
        }
    }

    private void descriptors() {
        descriptor(DESCRIPTORS, 1, Names.PRIMARY);
        descriptor(DESCRIPTORS + 1, 2, Names.JOLIET);
        image.position((DESCRIPTORS + 2) * SECTOR);
        head(255);
    }

    private void head(int type) {
        image.put((byte) type).put(Names.PRIMARY.text("CD001")).put((byte) 1);
    }

    private void descriptor(int sector, int type, Names names) {
        image.position(sector * SECTOR);
        head(type);
        image.put((byte) 0).put(names.field("", 32)).put(names.field(label, 32));
        skip(8);
        both32(image.capacity() / SECTOR);
        image.put(names == Names.JOLIET ? JOLIET_ESCAPES : new byte[JOLIET_ESCAPES.length]);
        skip(32 - JOLIET_ESCAPES.length);
        both16(1); // of so many volumes
        both16(1); // this one
        both16(SECTOR);
        both32(PATH_TABLE_SIZE);
        image.order(ByteOrder.LITTLE_ENDIAN).putInt(names.pathTable).putInt(0);
        image.order(ByteOrder.BIG_ENDIAN).putInt(names.pathTable + 1).putInt(0);
        record(SELF, names.root, SECTOR, DIRECTORY_FLAG);
        image.put(names.field("", 4 * 128 + 37 + 37 + 37));
        for (int i = 0; i < 4; i++) {
            image.put(Names.PRIMARY.text("0".repeat(16))).put((byte) 0); // no time is said (8.4.26.1)
        }
        image.put((byte) 1);
    }

    /** One record each, of the root, which is its own parent (9.4). */
    private void pathTables() {
        for (Names names : Names.values()) {
            for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
                int sector = names.pathTable + (order == ByteOrder.BIG_ENDIAN ? 1 : 0);
                image.position(sector * SECTOR).order(order);
                image.put((byte) 1).put((byte) 0).putInt(names.root).putShort((short) 1);
            }
        }
    }

    private void root(Names names) {
        image.position(names.root * SECTOR);
        record(SELF, names.root, SECTOR, DIRECTORY_FLAG);
        record(PARENT, names.root, SECTOR, DIRECTORY_FLAG);
        int sector = FILES;
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            record(names.identifier(file.getKey()), sector, file.getValue().length, 0);
            sector += sectors(file.getValue());
        }
        if (image.position() > (names.root + 1) * SECTOR) {
            throw new IllegalArgumentException("too many files for one sector");
        }
    }

    private void contents() {
        int sector = FILES;
        for (byte[] content : files.values()) {
            image.position(sector * SECTOR).put(content);
            sector += sectors(content);
        }
    }

    /** A directory record (9.1), of even length. */
    private void record(byte[] identifier, int sector, int length, int flags) {
        int size = 33 + identifier.length;
        image.put((byte) (size + size % 2)).put((byte) 0);
        both32(sector);
        both32(length);
        image.put(new byte[] {80, 1, 1, 0, 0, 0, 0}); // a time must be said: the first day of 1980
        image.put((byte) flags).put((byte) 0).put((byte) 0);
        both16(1);
        image.put((byte) identifier.length).put(identifier);
        skip(size % 2);
    }

    private void skip(int bytes) {
        image.position(image.position() + bytes);
    }

    private void both16(int value) {
        image.order(ByteOrder.LITTLE_ENDIAN).putShort((short) value);
        image.order(ByteOrder.BIG_ENDIAN).putShort((short) value);
    }

    private void both32(int value) {
        image.order(ByteOrder.LITTLE_ENDIAN).putInt(value);
        image.order(ByteOrder.BIG_ENDIAN).putInt(value);
    }
}
