package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Where a hypervisor is and how it is used.
 *
 * @param uri libvirt's connection URI
 * @param stateDirectory where launches are written down
 * @param launching whether VMs are to be launched, for which the state directory is made ready from the start
 * @param imageDirectory where named images are
 * @param storagePool the name of the pool of the VMs' disks
 * @param storageDirectory where that pool's files are
 * @param network what the VMs' network shall be
 * @param accelerator what must run guests; KVM where libvirt offers it if empty
 * @param confinement whether QEMU must be confined by AppArmor or SELinux
 * @param sampling how often listeners are told what each VM has used
 * @param flowLogSocket where a service reads taps for those who may not
 * @param listeners who is told of events from the start
 * @param metrics who is given what is measured
 * @param clock tells the time of launches and ends
 */
public record Settings(
        String uri,
        Path stateDirectory,
        boolean launching,
        Path imageDirectory,
        String storagePool,
        Path storageDirectory,
        NetworkSettings network,
        Optional<Accelerator> accelerator,
        boolean confinement,
        Duration sampling,
        Path flowLogSocket,
        List<VMEventListener> listeners,
        MetricsSink metrics,
        Clock clock) {}
