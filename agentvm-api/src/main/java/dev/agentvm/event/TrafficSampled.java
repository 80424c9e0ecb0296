package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.immutables.value.Value;

/**
 * What a VM has used so far. Counters count from its launch or last restore; what the hypervisor does not count is
 * empty, never 0. Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract non-sealed class TrafficSampled implements VMEvent, WithTrafficSampled {
    TrafficSampled() {}

    /** The time since the sample before, or since the launch if this is the first; not negative. */
    public abstract Duration interval();

    /** The bytes of frames that the VM received. */
    public abstract OptionalLong receivedBytes();

    /** The frames that the VM received. */
    public abstract OptionalLong receivedPackets();

    /** The bytes of frames that the VM sent, those included that the policy denied. */
    public abstract OptionalLong sentBytes();

    /** The frames that the VM sent, those included that the policy denied. */
    public abstract OptionalLong sentPackets();

    /** The time that the host spent on the VM, on all processors together. */
    public abstract Optional<Duration> cpuTime();

    /** How many virtual CPUs it has. */
    public abstract OptionalInt vcpus();

    /** The memory of the host that the VM takes now, in bytes. */
    public abstract OptionalLong memoryBytes();

    /** The bytes that it read from its disks. */
    public abstract OptionalLong diskReadBytes();

    /** The bytes that it wrote to its disks. */
    public abstract OptionalLong diskWrittenBytes();

    @Value.Check
    void check() {
        Counts.notNegative("interval", Optional.of(interval()));
        Counts.notNegative("receivedBytes", receivedBytes());
        Counts.notNegative("receivedPackets", receivedPackets());
        Counts.notNegative("sentBytes", sentBytes());
        Counts.notNegative("sentPackets", sentPackets());
        Counts.notNegative("cpuTime", cpuTime());
        Counts.notNegative("memoryBytes", memoryBytes());
        Counts.notNegative("diskReadBytes", diskReadBytes());
        Counts.notNegative("diskWrittenBytes", diskWrittenBytes());
        if (vcpus().isPresent() && vcpus().getAsInt() < 1) {
            throw new InvalidValueException("vcpus", vcpus().getAsInt(), "must be at least 1");
        }
    }

    /** A builder that starts with this event. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link TrafficSampled}. Not thread-safe. */
    public static final class Builder extends ImmutableTrafficSampled.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
