package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.libvirt.Connect;
import org.libvirt.LibvirtException;

/** What we write is taken by libvirt's parser, and what its formatter answers is read: by its built-in test driver. */
class LibvirtAnswersTest {
    private Connect libvirt;

    @BeforeEach
    void connect() throws LibvirtException {
        libvirt = new Connect("test:///default");
    }

    @AfterEach
    void close() throws LibvirtException {
        libvirt.close();
    }

    @Test
    void domain_throughLibvirt_keepsWhatWeWrote() throws LibvirtException {
        DomainXml written = Documents.domain();
        written.type = "test";

        DomainXml answered = LibvirtXml.read(
                libvirt.domainDefineXML(LibvirtXml.write(written)).getXMLDesc(0), DomainXml.class);

        assertThat(answered.name).isEqualTo(written.name);
        assertThat(answered.uuid).isEqualTo(written.uuid);
        assertThat(answered.metadata).isNotNull();
        assertThat(answered.metadata.owner).isNotNull();
        assertThat(answered.metadata.owner).usingRecursiveComparison().isEqualTo(Documents.owner());
        assertThat(answered.memory).isNotNull();
        assertThat(answered.memory.value).isEqualTo(2048 * 1024);
        assertThat(answered.memory.dumpCore).isFalse();
        assertThat(answered.cputune).usingRecursiveComparison().isEqualTo(written.cputune);
        assertThat(answered.cpu).isNotNull();
        assertThat(answered.cpu.features).hasSize(2);
        assertThat(answered.devices.disks).hasSize(2);
        assertThat(answered.devices.disks.get(0).backingStore)
                .usingRecursiveComparison()
                .isEqualTo(written.devices.disks.get(0).backingStore);
        assertThat(answered.devices.interfaces.get(0).filterref)
                .usingRecursiveComparison()
                .ignoringCollectionOrder()
                .isEqualTo(written.devices.interfaces.get(0).filterref);
        assertThat(answered.devices.channels).hasSize(2);
        assertThat(answered.devices.rngs).hasSize(1);
    }

    @Test
    void network_throughLibvirt_losesNothing() throws LibvirtException {
        NetworkXml written = Documents.network();
        assertThat(written.forward).isNotNull();
        // libvirt answers it as an element, and so says the same in two places.
        written.forward.dev = null;

        String answer = libvirt.networkDefineXML(LibvirtXml.write(written)).getXMLDesc(0);

        assertThat(LibvirtXml.unread(answer, NetworkXml.class)).isEmpty();
        assertThat(LibvirtXml.read(answer, NetworkXml.class))
                .usingRecursiveComparison()
                .isEqualTo(written);
    }

    @Test
    void pool_throughLibvirt_isRead() throws LibvirtException {
        StoragePoolXml pool =
                LibvirtXml.read(libvirt.storagePoolLookupByName("default-pool").getXMLDesc(0), StoragePoolXml.class);

        assertThat(pool.type).isEqualTo("dir");
        assertThat(pool.capacity).isNotNull();
        assertThat(pool.capacity.toBytes("bytes")).isPositive();
        assertThat(pool.target).isNotNull();
        assertThat(pool.target.path).isEqualTo("/default-pool");
    }

    @Test
    void capabilities_ofTheHost_areRead() throws LibvirtException {
        CapabilitiesXml capabilities = LibvirtXml.read(libvirt.getCapabilities(), CapabilitiesXml.class);

        assertThat(capabilities.host).isNotNull();
        assertThat(capabilities.host.securityModels)
                .extracting(model -> model.model)
                .isEqualTo(List.of("testSecurity"));
        assertThat(capabilities.guests).isNotEmpty();
        assertThat(capabilities.guests.get(0).arch).isNotNull();
        assertThat(capabilities.guests.get(0).arch.domains)
                .extracting(domain -> domain.type)
                .contains("test");
    }
}
