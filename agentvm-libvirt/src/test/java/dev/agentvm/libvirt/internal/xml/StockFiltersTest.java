package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The filters that libvirt ships use most of what filters can say. */
class StockFiltersTest {
    private static final String DIRECTORY_PROPERTY = "agentvm.stock-filters";
    private static final Path DIRECTORY =
            Path.of(System.getProperty(DIRECTORY_PROPERTY, "/usr/share/libvirt/nwfilter"));

    static Stream<Path> filters() throws IOException {
        if (!Files.isDirectory(DIRECTORY)) {
            throw new AssertionError("no filters in " + DIRECTORY + ": install libvirt's own (Debian: apt-get install"
                    + " libvirt-daemon-config-nwfilter), or name the directory by -D" + DIRECTORY_PROPERTY + "=…");
        }
        try (Stream<Path> files = Files.list(DIRECTORY)) {
            return files.filter(file -> file.toString().endsWith(".xml")).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("filters")
    void readAndWrite_stockFilter_losesNothingAndIsValid(Path file) throws IOException {
        String shipped = Files.readString(file);

        FilterXml filter = LibvirtXml.readStrictly(shipped, FilterXml.class);

        assertThat(filter.entries).isNotEmpty();
        String written = LibvirtXml.write(filter);
        Schemas.assertValid(written);
        assertThat(LibvirtXml.unread(written, FilterXml.class)).isEmpty();
        assertThat(LibvirtXml.write(LibvirtXml.read(written, FilterXml.class))).isEqualTo(written);
    }
}
