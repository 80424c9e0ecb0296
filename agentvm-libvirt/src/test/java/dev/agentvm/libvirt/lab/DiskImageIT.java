package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.DiskFormat;
import dev.agentvm.DiskImage;
import dev.agentvm.Firmware;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Disks that firmware boots, as vendors' are, by boot loaders that nobody signed. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DiskImageIT {
    private static final Command UEFI = Command.shell("test -d /sys/firmware/efi && echo UEFI || echo BIOS");

    @Test
    void launch_diskByBiosAndByUefi_bootsUntilTheAgentAnswersAndLeavesNothing() {
        DiskImage raw = new DiskImage.Builder()
                .disk(Path.of("/var/lib/agentvm/images/disk/disk.raw"))
                .format(DiskFormat.RAW)
                .firmware(Firmware.UEFI)
                .build();

        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            CompletableFuture<VM> launch = CompletableFuture.supplyAsync(() -> hypervisor.launch(
                    Lab.tiny("uefi").withImage(raw),
                    new LaunchOptions.Builder().resettable(true).build()));
            try (VM bios = hypervisor.launch(Lab.tiny("bios").withImage(GuestImage.named("disk")))) {
                assertThat(Lab.output(bios, UEFI)).isEqualTo("BIOS");
            }

            VM uefi = launch.join();
            assertThat(Lab.output(uefi, UEFI)).isEqualTo("UEFI");
            // Not by the VM's name, under which the next of that name would find them, and known to who cleans up.
            assertThat(Lab.host("virsh", "dumpxml", uefi.id().toString()))
                    .contains("/var/lib/libvirt/agentvm/" + uefi.id() + ".nvram</nvram>");
            assertThat(Lab.host("sh", "-c", "cat /var/lib/agentvm/launches/*.journal"))
                    .contains(uefi.id() + ".nvram");

            Lab.output(uefi, Command.shell("echo changed >/tmp/changed"));
            uefi.reset();
            assertThat(Lab.output(
                            uefi, Command.shell("test -d /sys/firmware/efi && ! test -e /tmp/changed && echo reset")))
                    .isEqualTo("reset");
            uefi.destroy();

            Leftovers.assertNone();
        }
    }
}
