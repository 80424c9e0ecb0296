package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.FailureContext;
import dev.agentvm.Isolation;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.util.Optional;

/** Reads what holds a VM's process back, from libvirt and from the host's kernel. */
final class IsolationProbe {
    private final Libvirt libvirt;
    private final DomainRef domain;

    IsolationProbe(Libvirt libvirt, DomainRef domain) {
        this.libvirt = libvirt;
        this.domain = domain;
    }

    Isolation read() {
        DomainXml xml = LibvirtXml.read(libvirt.domains().xml(domain), DomainXml.class);
        Isolation.Builder isolation = new Isolation.Builder();
        Accelerator declared = "kvm".equals(xml.type) ? Accelerator.KVM : Accelerator.TCG;
        filter(xml).ifPresent(isolation::filter);
        Optional<QemuProcess> found = QemuProcess.find(domain.uuid());
        if (found.isEmpty()) {
            if (libvirt.domains().state(domain).isEmpty()) {
                throw new VMNotFoundException(
                        "The VM " + domain.name() + " is gone",
                        FailureContext.of("read the isolation").vm(domain.name()));
            }
            return isolation.accelerator(declared).build();
        }
        QemuProcess qemu = found.get();
        isolation.accelerator(qemu.usesKvm()
                .map(kvm -> kvm ? Accelerator.KVM : Accelerator.TCG)
                .orElse(declared));
        qemu.seccompMode().ifPresent(isolation::seccompMode);
        qemu.effectiveUid().ifPresent(isolation::uid);
        qemu.effectiveGid().ifPresent(isolation::gid);
        qemu.effectiveCapabilities().ifPresent(isolation::capabilities);
        qemu.ownMountNamespace().ifPresent(isolation::ownMountNamespace);
        qemu.memoryLimitBytes().ifPresent(isolation::memoryLimitBytes);
        qemu.cpuShares().ifPresent(isolation::cpuShares);
        qemu.cpuLimitPercent().ifPresent(isolation::cpuLimitPercent);
        qemu.confinement().ifPresent(isolation::confinement);
        return isolation.build();
    }

    private Optional<String> filter(DomainXml xml) {
        return xml.devices.interfaces.stream()
                .flatMap(card -> Optional.ofNullable(card.target).stream())
                .flatMap(target -> Optional.ofNullable(target.dev).stream())
                .flatMap(tap -> libvirt.filters().binding(tap).stream())
                .map(NetworkFilters.Binding::filterName)
                .findFirst();
    }
}
