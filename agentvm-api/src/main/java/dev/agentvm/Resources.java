package dev.agentvm;

import org.immutables.value.Value;

/** How much of the host a VM may use. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class Resources implements WithResources {
    Resources() {}

    /** 2 virtual CPUs, 2048 MiB of memory, 20 GiB of disk. */
    public static Resources standard() {
        return of(2, 2048, 20);
    }

    /** 1 virtual CPU, 1024 MiB of memory, 10 GiB of disk. */
    public static Resources light() {
        return of(1, 1024, 10);
    }

    /** 4 virtual CPUs, 4096 MiB of memory, 40 GiB of disk. */
    public static Resources intensive() {
        return of(4, 4096, 40);
    }

    private static Resources of(int vcpus, int memoryMiB, int diskGiB) {
        return new Builder().vcpus(vcpus).memoryMiB(memoryMiB).diskGiB(diskGiB).build();
    }

    /** The number of virtual CPUs, 1 to 255; 2 if not said. */
    @Value.Default
    public int vcpus() {
        return 2;
    }

    /** The memory that the guest sees, in MiB, 64 to 16,777,216; 2048 if not said. */
    @Value.Default
    public int memoryMiB() {
        return 2048;
    }

    /** The virtual size of the VM's disk, in GiB, 1 to 65,536; 20 if not said. Space is used only as the guest writes. */
    @Value.Default
    public int diskGiB() {
        return 20;
    }

    @Value.Check
    void check() {
        Checks.within("vcpus", vcpus(), 1, 255);
        Checks.within("memoryMiB", memoryMiB(), 64, 16 * 1024 * 1024);
        Checks.within("diskGiB", diskGiB(), 1, 64 * 1024);
    }

    /** A builder that starts with these resources. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes {@link Resources}; starts as {@link Resources#standard()}. {@code build()} throws
     * {@link InvalidValueException} that names the field. Not thread-safe.
     */
    public static final class Builder extends ImmutableResources.Builder {
        /** Starts with the standard resources. */
        public Builder() {}
    }
}
