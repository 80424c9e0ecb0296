package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The settings that a hypervisor has in the lab if none are said. */
final class LabSettings {
    private LabSettings() {}

    static Settings standard() {
        return new Settings(
                "qemu:///system",
                Path.of("/var/lib/agentvm"),
                true,
                Path.of("/var/lib/agentvm/images"),
                "agentvm",
                Path.of("/var/lib/libvirt/agentvm"),
                NetworkSettings.standard(),
                Optional.of(
                        "tcg".equals(System.getenv(LibvirtHypervisor.Builder.ACCELERATOR_VARIABLE))
                                ? Accelerator.TCG
                                : Accelerator.KVM),
                false,
                Duration.ofHours(1),
                HostView.FLOW_LOG_SOCKET,
                List.of(),
                MetricsSink.none(),
                Clock.systemUTC());
    }
}
