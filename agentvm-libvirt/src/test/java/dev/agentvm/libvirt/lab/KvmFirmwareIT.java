package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Accelerator;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The KVM way, shown even where no stock kernel boots on this host's KVM: the domain as it is rendered starts, and its
 * firmware prints its banner. Where there is no KVM at all, the lab says so and the launch says why it is refused.
 */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class KvmFirmwareIT {
    private static final Path BLANK = Path.of("/var/lib/agentvm/images/blank.qcow2");

    @Test
    void launch_onKvm_runsTheFirmware() {
        Lab.host("qemu-img", "create", "-f", "qcow2", BLANK.toString(), "1G");
        VMTemplate template = Lab.tiny("firmware").withImage(GuestImage.disk(BLANK));
        LaunchOptions options =
                new LaunchOptions.Builder().timeout(Duration.ofSeconds(20)).build();

        try (Hypervisor hypervisor =
                new LibvirtHypervisor.Builder().accelerator(Accelerator.KVM).connect()) {
            if (Lab.environment("AGENTVM_LAB_KVM").equals("absent")) {
                assertThatExceptionOfType(dev.agentvm.HostNotReadyException.class)
                        .isThrownBy(() -> hypervisor.launch(template, options))
                        .withMessageContaining("KVM was demanded");
                return;
            }
            assertThatExceptionOfType(OperationTimeoutException.class)
                    .isThrownBy(() -> hypervisor.launch(template, options))
                    .withMessageContaining("SeaBIOS");
        } finally {
            Lab.host("rm", BLANK.toString());
        }
        Leftovers.assertNone();
        assertThat(Lab.environment("AGENTVM_LAB_KVM_WHY")).isNotBlank();
    }
}
