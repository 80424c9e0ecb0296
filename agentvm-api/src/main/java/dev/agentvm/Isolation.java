package dev.agentvm;

import java.util.Optional;
import java.util.OptionalLong;
import org.immutables.value.Value;

/**
 * What really holds a VM's QEMU process back, as the host's kernel tells it after the start. What is empty could not be
 * read or does not hold. Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract class Isolation {
    Isolation() {}

    /** What runs the guest's instructions. */
    public abstract Accelerator accelerator();

    /** The process's seccomp mode ({@code Seccomp} in {@code /proc/PID/status}): 0 off, 1 strict, 2 filter. */
    public abstract OptionalLong seccompMode();

    /** The process's effective user id. */
    public abstract OptionalLong uid();

    /** The process's effective group id. */
    public abstract OptionalLong gid();

    /** The process's effective capabilities as a bit mask in hexadecimal ({@code CapEff}). */
    public abstract Optional<String> capabilities();

    /** Whether the process has a mount namespace of its own. */
    public abstract Optional<Boolean> ownMountNamespace();

    /** The memory limit of its control group, in bytes; empty if there is none. */
    public abstract OptionalLong memoryLimitBytes();

    /** The CPU weight that libvirt gave its control group ({@code cpu.shares}, or {@code cpu.weight} with cgroup v2). */
    public abstract OptionalLong cpuShares();

    /** The CPU limit of its control group in hundredths of one CPU; empty if there is none. */
    public abstract OptionalLong cpuLimitPercent();

    /** The AppArmor or SELinux label of the process; empty if it is not confined. */
    public abstract Optional<String> confinement();

    /** The name of the filter that is bound to its network card; empty if it has no network card. */
    public abstract Optional<String> filter();

    /** Makes an {@link Isolation}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableIsolation.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
