package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.internal.connection.DomainStatistics;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
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
        // What is read may be out of date when it is told.
        Map<UUID, Consumer<VMEvent>> tellers = vms.stream()
                .collect(Collectors.toMap(LibvirtVM::id, vm -> vm.events().reading()));
        Map<UUID, DomainStatistics> all = libvirt.domains().statistics();
        long now = System.nanoTime();
        for (LibvirtVM vm : vms) {
            DomainStatistics statistics = all.get(vm.id());
            Consumer<VMEvent> teller = tellers.get(vm.id());
            if (statistics != null && teller != null) {
                Long before = sampledNanos.put(vm.id(), now);
                teller.accept(
                        sample(vm, statistics, Duration.ofNanos(now - (before == null ? vm.begunNanos() : before))));
            }
        }
    }

    private static VMEvent sample(LibvirtVM vm, DomainStatistics statistics, Duration interval) {
        return new TrafficSampled.Builder()
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
                .build();
    }
}
