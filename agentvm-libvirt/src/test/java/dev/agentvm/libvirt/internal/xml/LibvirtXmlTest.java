package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LibvirtXmlTest {
    static Stream<Object> documents() {
        return Stream.of(
                Documents.domain(),
                Documents.emulatedUefiDomain(),
                Documents.network(),
                Documents.networkWithDnsmasqOptions(),
                Documents.filter(),
                Documents.filterBinding(),
                Documents.pool(),
                Documents.volume());
    }

    @ParameterizedTest
    @MethodSource("documents")
    void write_anyDocument_isValidAndReadsBackTheSame(Object document) {
        String xml = LibvirtXml.write(document);
        Schemas.assertValid(xml);
        assertThat(LibvirtXml.write(LibvirtXml.readStrictly(xml, document.getClass())))
                .isEqualTo(xml);
        assertThat(LibvirtXml.write(document)).isEqualTo(xml);
    }
}
