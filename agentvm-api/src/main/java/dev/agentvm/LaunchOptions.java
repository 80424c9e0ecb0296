package dev.agentvm;

import java.time.Duration;
import java.util.Optional;
import org.immutables.value.Value;

/** How a VM is launched, as opposed to what it is. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class LaunchOptions implements WithLaunchOptions {
    LaunchOptions() {}

    /** Attached, at most two minutes. */
    public static LaunchOptions standard() {
        return new Builder().build();
    }

    /**
     * Whether the VM outlives the program: then {@link VM#close()} only lets go of it, and {@link Hypervisor#find} finds
     * it again. It cannot be changed later. False if not said.
     */
    @Value.Default
    public boolean detached() {
        return false;
    }

    /**
     * Whether the VM can have {@linkplain VM#snapshot snapshots}, and the launch keeps the guest's memory when its agent
     * answers, so that {@link VM#reset} is quick: a part of the time of another boot. The launch takes longer by the time to
     * write the memory to the host's disk, where it stays as long as the VM. If this program dies, such a VM is ended not by
     * libvirt but by a small process that the first of them starts, within a few seconds; where that is killed too,
     * {@link Hypervisor#reap} of any later program does it. False if not said.
     */
    @Value.Default
    public boolean resettable() {
        return false;
    }

    /**
     * How long the guest agent may take to answer, counted from the beginning of the launch, one second to one hour; two
     * minutes if not said. Each call of the hypervisor before that has a limit of its own.
     */
    @Value.Default
    public Duration timeout() {
        return Duration.ofMinutes(2);
    }

    /** Who is told of the steps as they end. */
    public abstract Optional<LaunchListener> listener();

    @Value.Check
    void check() {
        if (timeout().compareTo(Duration.ofSeconds(1)) < 0 || timeout().compareTo(Duration.ofHours(1)) > 0) {
            throw new InvalidValueException("timeout", timeout(), "must be from one second to one hour");
        }
    }

    /** A builder that starts with these options. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes {@link LaunchOptions}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableLaunchOptions.Builder {
        /** Starts with the standard options. */
        public Builder() {}
    }
}
