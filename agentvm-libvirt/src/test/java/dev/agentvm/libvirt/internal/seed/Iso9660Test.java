package dev.agentvm.libvirt.internal.seed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is checked here is read by the letter of ECMA-119; {@code NoCloudSeedIT} asks programs and a kernel. */
class Iso9660Test {
    private static final int SECTOR = 2048;
    private static final byte[] USER = content(5000);
    private static final byte[] META = content(SECTOR);
    private static final byte[] NETWORK = content(1);

    private static byte[] content(int size) {
        byte[] content = new byte[size];
        for (int i = 0; i < size; i++) {
            content[i] = (byte) (size + i * 7);
        }
        return content;
    }

    private static byte[] image() {
        return Iso9660.write(
                "cidata",
                new TreeMap<>(
                        Map.of("user-data", USER, "meta-data", META, "network-config", NETWORK, "empty", new byte[0])));
    }

    /** The files of one tree, in the order of its directory, read from its volume descriptor on. */
    private static Map<String, byte[]> read(byte[] image, int descriptor, Charset charset) {
        ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int at = bytes.getInt(descriptor * SECTOR + 158) * SECTOR;
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int i = 0; image[at] != 0; i++, at += image[at]) {
            assertThat(at % 2).isZero();
            assertThat(bytes.getInt(at + 2)).isEqualTo(Integer.reverseBytes(bytes.getInt(at + 6)));
            assertThat(bytes.getInt(at + 10)).isEqualTo(Integer.reverseBytes(bytes.getInt(at + 14)));
            if (i >= 2) {
                int start = bytes.getInt(at + 2) * SECTOR;
                files.put(
                        new String(image, at + 33, image[at + 32], charset),
                        Arrays.copyOfRange(image, start, start + bytes.getInt(at + 10)));
            }
        }
        return files;
    }

    @Test
    void write_jolietTree_hasTheNamesAsTheyAre() {
        Map<String, byte[]> files = read(image(), 17, StandardCharsets.UTF_16BE);

        assertThat(files.keySet()).containsExactly("empty", "meta-data", "network-config", "user-data");
        assertThat(files.get("user-data")).isEqualTo(USER);
        assertThat(files.get("meta-data")).isEqualTo(META);
        assertThat(files.get("network-config")).isEqualTo(NETWORK);
        assertThat(files.get("empty")).isEmpty();
    }

    @Test
    void write_primaryTree_hasNamesThatEveryReaderKnows() {
        Map<String, byte[]> files = read(image(), 16, StandardCharsets.US_ASCII);

        assertThat(files.keySet()).containsExactly("EMPTY.;1", "METADATA.;1", "NETWORKC.;1", "USERDATA.;1");
        assertThat(files.get("USERDATA.;1")).isEqualTo(USER);
    }

    @Test
    void write_descriptors_areInOrderAndSayLabelAndSize() {
        byte[] image = image();
        List<Integer> types = new ArrayList<>();
        IntStream.range(16, 19).forEach(sector -> {
            types.add((int) image[sector * SECTOR]);
            assertThat(new String(image, sector * SECTOR + 1, 5, StandardCharsets.US_ASCII))
                    .isEqualTo("CD001");
        });

        assertThat(types).containsExactly(1, 2, -1);
        assertThat(new String(image, 16 * SECTOR + 40, 32, StandardCharsets.US_ASCII).strip())
                .isEqualTo("cidata");
        assertThat(new String(image, 17 * SECTOR + 40, 32, StandardCharsets.UTF_16BE).strip())
                .isEqualTo("cidata");
        assertThat(new String(image, 17 * SECTOR + 88, 3, StandardCharsets.US_ASCII))
                .isEqualTo("%/E");
        ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(bytes.getInt(16 * SECTOR + 80) * SECTOR).isEqualTo(image.length);
        assertThat(bytes.getInt(17 * SECTOR + 80) * SECTOR).isEqualTo(image.length);
    }

    @Test
    void write_twice_isTheSameToTheByte() {
        assertThat(image()).isEqualTo(image());
    }

    @Test
    void write_moreFilesThanItsDirectoryHolds_isRefused() {
        SortedMap<String, byte[]> files = new TreeMap<>();
        IntStream.range(0, 60).forEach(i -> files.put("file-" + i, new byte[1]));
        assertThatThrownBy(() -> Iso9660.write("cidata", files)).isInstanceOf(RuntimeException.class);
    }
}
