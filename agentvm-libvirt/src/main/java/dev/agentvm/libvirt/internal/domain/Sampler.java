package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.libvirt.internal.connection.DomainStatistics;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/** Tells now and then what each VM has used so far, all of them with one call of libvirt. Used by one thread at a time. */
final class Sampler {
    private final Libvirt libvirt;
    private final Map<UUID, Long> sampledNanos = new HashMap<>();

    Sampler(Libvirt libvirt) {
        this.libvirt = libvirt;
    }

    synchronized void sample(Collection<LibvirtVM> vms) {
        sampledNanos.keySet().retainAll(vms.stream().map(LibvirtVM::id).collect(Collectors.toSet()));
        if (vms.isEmpty()) {
            return;
        }
        Map<UUID, DomainStatistics> all = libvirt.domains().statistics();
        long now = System.nanoTime();
        for (LibvirtVM vm : vms) {
            DomainStatistics statistics = all.get(vm.id());
            if (statistics != null) {
                Long before = sampledNanos.put(vm.id(), now);
                tell(vm, statistics, Duration.ofNanos(now - (before == null ? vm.begunNanos() : before)));
            }
        }
    }

    private static void tell(LibvirtVM vm, DomainStatistics statistics, Duration interval) {
        vm.events()
                .publish(new TrafficSampled.Builder()
                        .time(vm.events().now())
                        .vm(vm.events().vm())
                        .interval(interval)
                        .receivedBytes(statistics.receivedBytes())
                        .receivedPackets(statistics.receivedPackets())
                        .sentBytes(statistics.sentBytes())
                        .sentPackets(statistics.sentPackets())
                        .cpuTime(statistics.cpuTime())
                        .vcpus(statistics.vcpus())
                        .memoryBytes(statistics.residentBytes())
                        .diskReadBytes(statistics.readBytes())
                        .diskWrittenBytes(statistics.writtenBytes())
                        .build());
    }
}
