package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SchemasTest {
    @ParameterizedTest
    @EnumSource
    void validate_bogusElementInAnyDocument_isReportedWithItsPlace(Schemas schema) {
        String xml = "<" + rootOf(schema) + ">\n  <bogus/>\n</" + rootOf(schema) + ">";

        assertThat(schema.validate(xml))
                .isNotEmpty()
                .anySatisfy(error -> assertThat(error).startsWith("line ").contains("bogus"));
    }

    @Test
    void validate_bogusElementPlantedIntoAValidDomain_isTheOnlyComplaint() {
        String xml = LibvirtXml.write(Documents.domain());
        assertThat(Schemas.DOMAIN.validate(xml)).isEmpty();

        String planted = xml.replace("<memballoon", "<bogus/>\n    <memballoon");

        assertThat(Schemas.DOMAIN.validate(planted))
                .singleElement()
                .asString()
                .contains("element \"bogus\" not allowed");
        assertThatThrownBy(() -> Schemas.assertValid(planted))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("domain.rng")
                .hasMessageContaining("element \"bogus\" not allowed")
                .hasMessageContaining("<memballoon");
    }

    @Test
    void validate_wrongValue_isReported() {
        NetworkXml network = Documents.network();
        network.mac = MacAddressXml.of("52:54:00");

        assertThat(Schemas.NETWORK.validate(LibvirtXml.write(network)))
                .singleElement()
                .asString()
                .contains("address");
    }

    @Test
    void validate_notWellFormed_isReported() {
        assertThat(Schemas.DOMAIN.validate("<domain>")).isNotEmpty();
    }

    @Test
    void assertValid_rootWithoutSchema_fails() {
        assertThatThrownBy(() -> Schemas.assertValid("<owner/>"))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("<owner>");
        assertThatThrownBy(() -> Schemas.assertValid("<owner")).isInstanceOf(AssertionError.class);
    }

    @Test
    void load_schemasNotInstalled_failsNamingThePackage(@TempDir Path empty) {
        assertThatThrownBy(() -> Schemas.load(empty, "domain.rng"))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("libvirt0")
                .hasMessageContaining(Schemas.DIRECTORY_PROPERTY);
    }

    private static String rootOf(Schemas schema) {
        return switch (schema) {
            case DOMAIN -> "domain";
            case NETWORK -> "network";
            case NWFILTER -> "filter";
            case NWFILTERBINDING -> "filterbinding";
            case STORAGE_POOL -> "pool";
            case STORAGE_VOLUME -> "volume";
            case DOMAIN_SNAPSHOT -> "domainsnapshot";
            case DOMAIN_CAPS -> "domainCapabilities";
            case CAPABILITIES -> "capabilities";
        };
    }
}
