package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Accelerator;
import dev.agentvm.DiskFormat;
import dev.agentvm.Firmware;
import dev.agentvm.Resources;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.Schemas;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.DataRate;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class DomainRendererTest {
    private static final UUID ID = UUID.fromString("7d4fbd8e-6c1b-4a5d-9d0e-1f2a3b4c5d6e");
    private static final BootSource.Backing ROOT =
            new BootSource.Backing(Path.of("/images/debian/disk.qcow2"), DiskFormat.QCOW2);
    private static final BootSource KERNEL = new BootSource.FromKernel(
            Path.of("/images/debian/vmlinuz"),
            Optional.of(Path.of("/images/debian/initrd.img")),
            "root=/dev/vda console=ttyS0",
            Optional.of(ROOT));
    private static final DomainPlan.Card CARD = new DomainPlan.Card(
            MacAddress.of("52:54:c0:a8:65:0a"),
            new DomainPlan.Link.Network("agentvm"),
            "avm7d4fbd8e6c1",
            "agentvm-" + ID,
            BandwidthLimit.standard());

    @Test
    void render_kernelImageOnEmulation_isAValidDomain() {
        String xml = LibvirtXml.write(render(KERNEL, Accelerator.TCG, Optional.of(CARD)));

        Schemas.assertValid(xml);
        assertThat(xml)
                .contains("<domain type=\"qemu\">", "machine=\"q35\"", "<cpu mode=\"maximum\"")
                .contains("<memory unit=\"MiB\" dumpCore=\"off\">2048</memory>")
                .contains("<hard_limit unit=\"MiB\">3072</hard_limit>")
                .contains("<global_quota>220000</global_quota>", "<shares>2048</shares>")
                .contains("<pmu state=\"off\"/>", "<vmport state=\"off\"/>")
                // Left to itself, it would take all that the limit leaves beyond the guest's memory.
                .contains("<tb-cache unit=\"MiB\">512</tb-cache>")
                .contains("<on_poweroff>destroy</on_poweroff>", "<on_reboot>destroy</on_reboot>")
                .contains("<memballoon model=\"none\"/>", "<controller type=\"usb\"", "org.qemu.guest_agent.0")
                .contains("name=\"dev.agentvm.bulk.0\"", "name=\"dev.agentvm.bulk.1\"")
                .contains("<backend model=\"random\">/dev/urandom</backend>", "<rate bytes=\"65536\" period=\"1000\"/>")
                .contains("<port isolated=\"yes\"/>", "<target dev=\"avm7d4fbd8e6c1\"/>")
                .doesNotContain(
                        "<graphics", "<video", "<sound", "<input", "<tpm", "<watchdog", "<serial type=\"file\"");
    }

    @Test
    void render_bridge_isolatesThePortAndLearnsFromDhcpOnlyWhereAsked() {
        DomainPlan.Link learning = new DomainPlan.Link.Bridge("br0", List.of(IPv4Address.of("9.9.9.9")), true);
        DomainPlan.Link fixed = new DomainPlan.Link.Bridge("br0", List.of(), false);

        String xml = LibvirtXml.write(render(KERNEL, Accelerator.TCG, Optional.of(on(learning))));
        Schemas.assertValid(xml);
        assertThat(xml)
                .contains("<interface type=\"bridge\"", "<source bridge=\"br0\"/>", "<port isolated=\"yes\"/>")
                .contains("<parameter name=\"CTRL_IP_LEARNING\" value=\"dhcp\"/>")
                .contains("<agentvm:resolver>9.9.9.9</agentvm:resolver>");
        assertThat(LibvirtXml.write(render(KERNEL, Accelerator.TCG, Optional.of(on(fixed)))))
                .doesNotContain("CTRL_IP_LEARNING", "resolver");
    }

    private static DomainPlan.Card on(DomainPlan.Link link) {
        return new DomainPlan.Card(CARD.mac(), link, CARD.tap(), CARD.filter(), CARD.bandwidth());
    }

    @Test
    void render_kvm_hidesNestedVirtualisation() {
        String xml = LibvirtXml.write(render(KERNEL, Accelerator.KVM, Optional.of(CARD)));

        Schemas.assertValid(xml);
        assertThat(xml)
                .contains("<domain type=\"kvm\">", "<cpu mode=\"host-model\"")
                .contains("<feature policy=\"disable\" name=\"vmx\"/>", "<feature policy=\"disable\" name=\"svm\"/>")
                .contains("<feature policy=\"disable\" name=\"arch-capabilities\"/>")
                .doesNotContain("<tcg>");
    }

    @Test
    void render_withoutCard_hasNoInterface() {
        DomainXml domain = render(KERNEL, Accelerator.TCG, Optional.empty());

        Schemas.assertValid(LibvirtXml.write(domain));
        assertThat(domain.devices.interfaces).isEmpty();
        assertThat(domain.devices.channels).hasSize(3);
    }

    @Test
    void render_layersInMemory_areRoomBeyondTheGuestsMemory() {
        String xml = LibvirtXml.write(render(KERNEL, Accelerator.KVM, Optional.empty(), Optional.empty(), 3));

        assertThat(xml)
                .contains("<hard_limit unit=\"MiB\">"
                        + (3072 + 3 * 1024 * Resources.standard().diskGiB()) + "</hard_limit>");
    }

    @Test
    void render_diskByUefi_bootsTheDiskWithoutSecureBootAndWithVariablesOfItsOwn() {
        String xml = LibvirtXml.write(
                render(new BootSource.FromDisk(Firmware.UEFI, ROOT), Accelerator.KVM, Optional.of(CARD)));

        Schemas.assertValid(xml);
        assertThat(xml)
                .contains("<os firmware=\"efi\">", "<boot order=\"1\"/>")
                .contains("<feature enabled=\"no\" name=\"secure-boot\"/>")
                .contains("<nvram>/pool/" + ID + ".nvram</nvram>")
                .doesNotContain("<kernel>", "<bios");
    }

    @Test
    void render_diskByBios_printsTheFirmwareOnTheSerialConsole() {
        String xml = LibvirtXml.write(
                render(new BootSource.FromDisk(Firmware.BIOS, ROOT), Accelerator.KVM, Optional.empty()));

        Schemas.assertValid(xml);
        assertThat(xml).contains("<bios useserial=\"yes\"/>").doesNotContain("firmware", "<nvram>");
    }

    @Test
    void render_backingFile_isNamedWithItsFormatAndStaysWithItsOwner() {
        DomainXml domain = render(KERNEL, Accelerator.TCG, Optional.empty());

        assertThat(LibvirtXml.write(domain)).contains("""
                              <backingStore type="file">
                                <format type="qcow2"/>
                                <source file="/images/debian/disk.qcow2">
                                  <seclabel model="dac" relabel="no"/>
                                </source>
                                <backingStore/>
                        """);
    }

    @Test
    void render_bandwidth_countsInKilobytes() {
        DomainPlan.Card limited = new DomainPlan.Card(
                CARD.mac(),
                CARD.link(),
                CARD.tap(),
                CARD.filter(),
                BandwidthLimit.of(DataRate.megabitsPerSecond(8), DataRate.megabytesPerSecond(3)));
        String xml = LibvirtXml.write(render(KERNEL, Accelerator.TCG, Optional.of(limited)));

        Schemas.assertValid(xml);
        assertThat(xml).contains("<inbound average=\"1000\"/>", "<outbound average=\"3000\"/>");
    }

    @Test
    void render_labels_areKeptInTheMark() {
        String xml = LibvirtXml.write(render(KERNEL, Accelerator.TCG, Optional.empty()));

        assertThat(xml).contains("agentvm:owner", "the &lt;task&gt; &amp; more");
    }

    @Test
    void render_seed_isASecondDiskThatIsOnlyRead() {
        DomainXml domain = render(
                KERNEL,
                Accelerator.TCG,
                Optional.of(CARD),
                Optional.of(new Volume("agentvm", "seed", "/pool/seed")),
                0);
        String xml = LibvirtXml.write(domain);

        Schemas.assertValid(xml);
        assertThat(domain.devices.disks).hasSize(2);
        assertThat(xml).contains("""
                            <disk type="file" device="disk">
                              <driver name="qemu" type="raw"/>
                              <source file="/pool/seed"/>
                              <target dev="vdb" bus="virtio"/>
                              <readonly/>
                            </disk>
                        """);
    }

    @Test
    void render_withoutSeed_hasNothingButItsOwnDisk() {
        assertThat(render(KERNEL, Accelerator.TCG, Optional.empty()).devices.disks)
                .hasSize(1)
                .noneMatch(disk -> disk.readonly != null);
    }

    private static DomainXml render(BootSource boot, Accelerator accelerator, Optional<DomainPlan.Card> card) {
        return render(boot, accelerator, card, Optional.empty(), 0);
    }

    private static DomainXml render(
            BootSource boot,
            Accelerator accelerator,
            Optional<DomainPlan.Card> card,
            Optional<Volume> seed,
            int layersInMemory) {
        return DomainRenderer.render(new DomainPlan(
                ID,
                "vm",
                accelerator,
                true,
                Resources.standard(),
                boot,
                new VMDisk(new Volume("agentvm", ID + ".qcow2", "/pool/" + ID + ".qcow2"), boot.backing()),
                layersInMemory,
                boot.isUefi()
                        ? Optional.of(new Volume("agentvm", "nvram", "/pool/" + ID + ".nvram"))
                        : Optional.empty(),
                seed,
                card,
                "owner-1",
                1000,
                Map.of("task", "the <task> & more"),
                Instant.parse("2026-01-02T03:04:05Z"),
                Optional.of(Instant.parse("2026-01-02T04:04:05Z"))));
    }
}
