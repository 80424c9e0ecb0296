package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a domain has used so far, as far as libvirt told. Of its network cards and disks it is the sum; empty if it has none.
 *
 * @param cpuTime the time that it ran on all of the host's processors together
 * @param vcpus how many virtual CPUs it has
 * @param residentBytes the memory of the host that its process takes now
 * @param receivedBytes what it received
 * @param receivedPackets what it received
 * @param sentBytes what it sent
 * @param sentPackets what it sent
 * @param readBytes what it read from its disks
 * @param writtenBytes what it wrote to its disks
 */
public record DomainStatistics(
        Optional<Duration> cpuTime,
        OptionalInt vcpus,
        OptionalLong residentBytes,
        OptionalLong receivedBytes,
        OptionalLong receivedPackets,
        OptionalLong sentBytes,
        OptionalLong sentPackets,
        OptionalLong readBytes,
        OptionalLong writtenBytes) {
    private static final long KIB = 1024;

    /** Reads them from the names that {@code virConnectGetAllDomainStats} gives them. */
    static DomainStatistics of(Map<String, Long> numbers) {
        Long vcpus = numbers.get("vcpu.current");
        return new DomainStatistics(
                Optional.ofNullable(numbers.get("cpu.time")).map(Duration::ofNanos),
                vcpus == null ? OptionalInt.empty() : OptionalInt.of(Math.toIntExact(vcpus)),
                number(numbers, "balloon.rss", KIB),
                sum(numbers, "net", "rx.bytes"),
                sum(numbers, "net", "rx.pkts"),
                sum(numbers, "net", "tx.bytes"),
                sum(numbers, "net", "tx.pkts"),
                sum(numbers, "block", "rd.bytes"),
                sum(numbers, "block", "wr.bytes"));
    }

    private static OptionalLong number(Map<String, Long> numbers, String name, long unit) {
        Long number = numbers.get(name);
        return number == null ? OptionalLong.empty() : OptionalLong.of(number * unit);
    }

    /** If one does not tell, neither does the sum. */
    private static OptionalLong sum(Map<String, Long> numbers, String device, String name) {
        long count = numbers.getOrDefault(device + ".count", 0L);
        long sum = 0;
        for (int i = 0; i < count; i++) {
            Long one = numbers.get(device + "." + i + "." + name);
            if (one == null) {
                return OptionalLong.empty();
            }
            sum += one;
        }
        return count == 0 ? OptionalLong.empty() : OptionalLong.of(sum);
    }
}
