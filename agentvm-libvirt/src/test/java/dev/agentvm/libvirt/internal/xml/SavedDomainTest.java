package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class SavedDomainTest {
    private static final String SAVED = """
            <domain type="qemu">
              <name>vm</name>
              <metadata>
                <agentvm-activity:activity xmlns:agentvm-activity="https://agentvm.dev/libvirt/activity/1"
                    timeout="PT5M" used="2026-01-01T00:00:00Z"/>
              </metadata>
              <qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"/>
              <devices>
                <disk type="file" device="disk">
                  <driver name="qemu" type="qcow2"/>
                  <source file="/pool/old.qcow2"/>
                  <backingStore/>
                  <target dev="vda" bus="virtio"/>
                  <address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0"/>
                </disk>
                <disk type="file" device="disk">
                  <source file="/pool/seed.iso"/>
                  <target dev="vdb" bus="virtio"/>
                </disk>
                <unheard-of of="us"/>
              </devices>
            </domain>
            """;

    @Test
    void with_otherFiles_changesThemAndNothingElse() {
        DomainXml.Disk disk = disk("vda");
        disk.backingStore = DomainXml.BackingStore.overlay(
                "/pool/layer&.qcow2", DomainXml.BackingStore.last("/images/base.raw", "raw"));

        String changed = SavedDomain.with(SAVED, disk, new ActivityXml());

        assertThat(changed)
                .contains("<source file=\"/pool/new.qcow2\"/>", "/pool/layer&amp;.qcow2", "/images/base.raw")
                .contains("<source file=\"/pool/seed.iso\"/>", "<unheard-of of=\"us\"/>", "slot=\"0x00\"")
                .contains("<qemu:commandline xmlns:qemu=")
                .doesNotContain("/pool/old.qcow2");
        assertThat(changed.indexOf("/pool/new.qcow2"))
                .isLessThan(changed.indexOf("/pool/layer"))
                .isLessThan(changed.indexOf("dev=\"vda\""));
        assertThat(changed.indexOf("/pool/layer")).isLessThan(changed.indexOf("/images/base.raw"));
    }

    @Test
    void with_laterUse_isMarkedSo() {
        ActivityXml now = new ActivityXml();
        now.timeout = Duration.ofMinutes(5);
        now.used = Instant.parse("2026-11-27T12:00:00Z");

        assertThat(SavedDomain.with(SAVED, disk("vda"), now))
                .contains("used=\"2026-11-27T12:00:00Z\"", "timeout=\"PT5M\"")
                .doesNotContain("2026-01-01");
    }

    @Test
    void with_noSuchDiskOrNoXml_saysSo() {
        ActivityXml now = new ActivityXml();
        assertThatThrownBy(() -> SavedDomain.with(SAVED, disk("vdc"), now))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("it has no disk vdc");
        assertThatThrownBy(() -> SavedDomain.with("<domain", disk("vda"), now)).isInstanceOf(AgentVMException.class);
        assertThatThrownBy(() -> SavedDomain.with("<!DOCTYPE a [<!ENTITY b 'c'>]><domain/>", disk("vda"), now))
                .isInstanceOf(AgentVMException.class);
    }

    private static DomainXml.Disk disk(String name) {
        DomainXml.Disk disk = new DomainXml.Disk();
        disk.source = DomainXml.DiskSource.file("/pool/new.qcow2");
        disk.backingStore = DomainXml.BackingStore.none();
        disk.target = new DomainXml.DiskTarget();
        disk.target.dev = name;
        return disk;
    }
}
