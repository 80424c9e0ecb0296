package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Accelerator;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.xml.DomainCapabilitiesXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.NetworkMode;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** On libvirt's test driver, which has no KVM. */
class RequirementsTest {
    private static final VMTemplate ISOLATED = new VMTemplate.Builder()
            .name("vm")
            .networkMode(NetworkMode.ISOLATED)
            .build();

    private final Libvirt libvirt = Libvirt.open(LibvirtOptions.of("test:///default"));

    @AfterEach
    void close() {
        libvirt.close();
    }

    @Test
    void check_kvmDemandedAndNotOffered_isRefused() {
        Requirements requirements = requirements(Optional.of(Accelerator.KVM));

        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> requirements.check(ISOLATED))
                .withMessageContainingAll("KVM was demanded", "Accelerator.TCG");
    }

    @Test
    void check_nothingDemandedAndNoKvm_emulatesAndWarns() {
        Requirements requirements = requirements(Optional.empty());

        assertThat(requirements.accelerator()).isEqualTo(Accelerator.TCG);
        assertThat(requirements.check(ISOLATED).warnings())
                .anySatisfy(warning -> assertThat(warning).contains("emulated"));
    }

    @Test
    void check_bridgeThatIsNotThere_isRefused() {
        assertThatExceptionOfType(HostNotReadyException.class)
                .isThrownBy(() -> requirements(Optional.empty())
                        .check(ISOLATED.withNetworkMode(NetworkMode.bridge("no-such-bridge", "9.9.9.9"))))
                .withMessageContaining("no interface 'no-such-bridge'");
    }

    @Test
    void uefi_onALibvirtThatCannotGiveAVMItsOwnVariables_isRefused() {
        assertThat(Requirements.uefiObstacle(new LibvirtVersion(8, 0, 0), capabilities("efi")))
                .hasValueSatisfying(obstacle -> assertThat(obstacle).contains("8.0.0", "8.1.0", "BIOS"));
        assertThat(Requirements.uefiObstacle(new LibvirtVersion(8, 1, 0), capabilities("efi")))
                .isEmpty();
    }

    @Test
    void uefi_whereThereIsNoSuchFirmware_isRefusedWithThePackageToInstall() {
        assertThat(Requirements.uefiObstacle(new LibvirtVersion(9, 0, 0), capabilities("bios")))
                .hasValueSatisfying(obstacle -> assertThat(obstacle).contains("ovmf", "edk2-ovmf"));
    }

    private static DomainCapabilitiesXml capabilities(String firmware) {
        return LibvirtXml.read(
                "<domainCapabilities><os supported='yes'><enum name='firmware'><value>" + firmware
                        + "</value></enum></os></domainCapabilities>",
                DomainCapabilitiesXml.class);
    }

    private Requirements requirements(Optional<Accelerator> demanded) {
        return new Requirements(libvirt, HostView.local(), NetworkSettings.standard(), demanded, false);
    }
}
