package dev.agentvm.libvirt;

import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.network.HostProbe;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Whether this host can keep what is promised of VMs, thing by thing, each with what was seen and what to do about it.
 * The same is checked before every launch, with what the hypervisor's builder and the template say; whether KVM runs guests
 * is there judged by what libvirt offers. Immutable, safe for use by many threads.
 */
public final class HostCheck {
    private final List<Finding> findings;

    private HostCheck(List<Finding> findings) {
        this.findings = List.copyOf(findings);
    }

    /** What a finding means. */
    public enum Severity {
        /** As it should be. */
        OK,
        /** A promise is kept in a weaker form; {@code VM.warnings()} says so too. */
        WARNING,
        /** A promise cannot be kept, so launches are refused. */
        FATAL
    }

    /**
     * One thing that was looked at.
     *
     * @param id a short name that does not change between versions
     * @param severity what it means
     * @param evidence what was seen
     * @param remedy what to do about it; empty if there is nothing to do
     */
    public record Finding(String id, Severity severity, String evidence, String remedy) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%-7s %s: %s", severity, id, evidence)
                    + (remedy.isEmpty() ? "" : System.lineSeparator() + "        -> " + remedy);
        }
    }

    /** Checks this host, at {@code qemu:///system}, for VMs and a hypervisor with all defaults. */
    public static HostCheck run() {
        return run("qemu:///system", new VMTemplate.Builder().name("check").build());
    }

    /**
     * Checks this host for VMs of {@code template} that a hypervisor with all defaults launches. A libvirt that cannot be
     * reached is a finding, not an exception.
     *
     * @param uri libvirt's connection URI
     */
    public static HostCheck run(String uri, VMTemplate template) {
        Optional<String> flaw = ConnectionUri.flaw(uri);
        if (flaw.isPresent()) {
            return new HostCheck(
                    List.of(new Finding("system-uri", Severity.FATAL, "the URI is " + uri, "It " + flaw.get())));
        }
        return run(new LibvirtHypervisor.Builder().uri(uri), template);
    }

    /**
     * Checks this host for VMs of {@code template} that a hypervisor with these settings launches: on its network and
     * subnet, with the accelerator and the confinement that it demands. Nothing is made or changed. A libvirt that cannot
     * be reached is a finding, not an exception.
     *
     * @throws InvalidValueException if there are {@linkplain LibvirtHypervisor.Builder#resolvableDomains domains} and no
     *     resolvers
     */
    public static HostCheck run(LibvirtHypervisor.Builder settings, VMTemplate template) {
        HostProbe.Needs needs = settings.needs(template);
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of(settings.uri()))) {
            return new HostCheck(new HostProbe(libvirt, settings.hostView())
                    .check(needs).stream().map(HostCheck::finding).toList());
        } catch (HypervisorUnavailableException e) {
            return new HostCheck(List.of(new Finding(
                    "libvirt",
                    Severity.FATAL,
                    String.valueOf(e.getMessage()),
                    "Install and start libvirt, and add the user to the group libvirt")));
        }
    }

    private static Finding finding(dev.agentvm.libvirt.internal.network.Finding found) {
        Severity severity = switch (found.severity()) {
            case OK -> Severity.OK;
            case WARNING -> Severity.WARNING;
            case FATAL -> Severity.FATAL;
        };
        return new Finding(found.id(), severity, found.evidence(), found.remedy());
    }

    /** Everything that was looked at, in the order in which it was. */
    public List<Finding> findings() {
        return findings;
    }

    /** Whether VMs can be launched: nothing is {@link Severity#FATAL}. */
    public boolean isReady() {
        return findings.stream().noneMatch(finding -> finding.severity() == Severity.FATAL);
    }

    /** The findings for people, one after the other. */
    @Override
    public String toString() {
        return findings.stream().map(Finding::toString).collect(Collectors.joining(System.lineSeparator()));
    }
}
