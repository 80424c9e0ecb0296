package dev.agentvm.libvirt;

import dev.agentvm.Hypervisor;
import dev.agentvm.libvirt.HostCheck.Severity;
import dev.agentvm.spi.HypervisorProvider;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Lets {@link HypervisorProvider#find} find this library. Programs that know it call {@link LibvirtHypervisor#connect}
 * instead. Safe for use by many threads.
 */
public final class LibvirtProvider implements HypervisorProvider {
    /** For {@link java.util.ServiceLoader}. */
    public LibvirtProvider() {}

    @Override
    public String name() {
        return "libvirt";
    }

    /** What {@link HostCheck#run()} finds fatal. */
    @Override
    public Optional<String> inability() {
        return inability(HostCheck.run());
    }

    static Optional<String> inability(HostCheck check) {
        if (check.isReady()) {
            return Optional.empty();
        }
        return Optional.of(check.findings().stream()
                .filter(finding -> finding.severity() == Severity.FATAL)
                .map(finding -> finding.id() + ": " + finding.evidence()
                        + (finding.remedy().isEmpty() ? "" : " (" + finding.remedy() + ")"))
                .collect(Collectors.joining("; ")));
    }

    @Override
    public Hypervisor connect() {
        return LibvirtHypervisor.connect();
    }
}
