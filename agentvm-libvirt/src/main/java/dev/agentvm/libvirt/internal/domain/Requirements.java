package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.network.Finding;
import dev.agentvm.libvirt.internal.network.HostProbe;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.xml.CapabilitiesXml;
import dev.agentvm.libvirt.internal.xml.DomainCapabilitiesXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** What templates need of their host. Safe for use by many threads. */
final class Requirements {
    private static final String KVM_CHECK = "kvm";
    private static final String BANDWIDTH_CHECK = "bandwidth";

    /** The first that knows {@code VIR_DOMAIN_START_RESET_NVRAM}. */
    private static final LibvirtVersion OWN_VARIABLES = new LibvirtVersion(8, 1, 0);

    private final Libvirt libvirt;
    private final HostProbe probe;
    private final NetworkSettings network;
    private final boolean confinement;
    private final Accelerator accelerator;
    private final boolean amd;
    private final Optional<String> kvmObstacle;

    /**
     * The host of that libvirt.
     *
     * @param demanded what must run guests; if empty, KVM where libvirt offers it
     * @param confinement whether QEMU must be confined by AppArmor or SELinux
     */
    Requirements(
            Libvirt libvirt,
            HostView host,
            NetworkSettings network,
            Optional<Accelerator> demanded,
            boolean confinement) {
        this.libvirt = libvirt;
        this.probe = new HostProbe(libvirt, host);
        this.network = network;
        this.confinement = confinement;
        this.kvmObstacle = demanded.equals(Optional.of(Accelerator.TCG)) ? Optional.empty() : kvmObstacle(libvirt);
        this.accelerator = demanded.orElse(kvmObstacle.isEmpty() ? Accelerator.KVM : Accelerator.TCG);
        this.amd = isAmd(libvirt);
    }

    /** What libvirt says against KVM for the machine that is rendered. */
    private static Optional<String> kvmObstacle(Libvirt libvirt) {
        try {
            libvirt.host()
                    .domainCapabilitiesXml(
                            Optional.empty(), Optional.of("x86_64"), Optional.of("q35"), Optional.of("kvm"));
            return Optional.empty();
        } catch (AgentVMException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private static boolean isAmd(Libvirt libvirt) {
        CapabilitiesXml capabilities = LibvirtXml.read(libvirt.host().capabilitiesXml(), CapabilitiesXml.class);
        return capabilities.host != null && capabilities.host.cpu != null && "AMD".equals(capabilities.host.cpu.vendor);
    }

    /** Whether the host's CPU is AMD's. */
    boolean amd() {
        return amd;
    }

    /** What runs guests. */
    Accelerator accelerator() {
        return accelerator;
    }

    /**
     * Checks the host.
     *
     * @throws HostNotReadyException if it cannot keep a promise at all; the message has the evidence and the remedy
     */
    Met check(VMTemplate template) {
        if (accelerator == Accelerator.KVM && kvmObstacle.isPresent()) {
            throw notReady(
                    template,
                    "KVM was demanded, and libvirt does not offer it: " + kvmObstacle.get()
                            + ". Turn virtualisation on in the firmware, load kvm_intel or kvm_amd, or allow Accelerator.TCG");
        }
        List<Finding> findings = probe
                .check(new HostProbe.Needs(
                        template.networkMode(),
                        template.networkPolicy(),
                        template.bandwidth(),
                        network,
                        confinement,
                        false))
                .stream()
                .filter(finding -> !finding.id().equals(KVM_CHECK))
                .toList();
        List<Finding> fatal = of(findings, Finding.Severity.FATAL);
        if (!fatal.isEmpty()) {
            throw notReady(template, fatal.stream().map(Requirements::words).collect(Collectors.joining("; ")));
        }
        List<String> warnings = of(findings, Finding.Severity.WARNING).stream()
                .filter(finding -> !finding.id().equals(BANDWIDTH_CHECK))
                .map(Requirements::words)
                .collect(Collectors.toCollection(ArrayList::new));
        if (accelerator == Accelerator.TCG) {
            warnings.add(
                    "kvm: the guest is emulated (TCG), which is slow, and no boundary that QEMU's authors vouch for"
                            + kvmObstacle.map(why -> ": " + why).orElse(""));
        }
        return new Met(
                warnings,
                template.networkMode().equals(NetworkMode.ISOLATED)
                        ? new Shaping(BandwidthLimit.unlimited(), List.of())
                        : shaping(template.name(), template.bandwidth()));
    }

    /**
     * Checks that a disk can be booted by UEFI.
     *
     * @throws HostNotReadyException if there is no firmware for it, or libvirt cannot give a VM its own
     */
    void checkUefi(String vm) {
        String capabilities = libvirt.host()
                .domainCapabilitiesXml(
                        Optional.empty(),
                        Optional.of("x86_64"),
                        Optional.of("q35"),
                        Optional.of(accelerator == Accelerator.KVM ? "kvm" : "qemu"));
        uefiObstacle(libvirt.host().daemonVersion(), LibvirtXml.read(capabilities, DomainCapabilitiesXml.class))
                .ifPresent(obstacle -> {
                    throw new HostNotReadyException(
                            obstacle, FailureContext.of("check the host").vm(vm));
                });
    }

    static Optional<String> uefiObstacle(LibvirtVersion version, DomainCapabilitiesXml capabilities) {
        if (version.compareTo(OWN_VARIABLES) < 0) {
            return Optional.of("uefi: libvirt " + version + " cannot begin a VM with fresh UEFI variables, "
                    + OWN_VARIABLES + " and later can. To mend it: use that, or a disk that BIOS boots");
        }
        if (capabilities.os == null || !capabilities.os.offers("firmware", "efi")) {
            return Optional.of("uefi: libvirt knows no UEFI firmware for x86_64. To mend it: install it (on Debian and "
                    + "Ubuntu the package ovmf, on Fedora and RHEL edk2-ovmf)");
        }
        return Optional.empty();
    }

    /**
     * What of a bandwidth limit the host can keep.
     *
     * @throws HostNotReadyException if it is required and the host cannot shape traffic
     */
    Shaping shaping(String vm, BandwidthLimit wanted) {
        Finding finding = probe.bandwidth(wanted);
        return switch (finding.severity()) {
            case OK -> new Shaping(wanted, List.of());
            case WARNING -> new Shaping(BandwidthLimit.unlimited(), List.of(words(finding)));
            case FATAL ->
                throw new HostNotReadyException(
                        words(finding), FailureContext.of("check the host").vm(vm));
        };
    }

    private static List<Finding> of(List<Finding> findings, Finding.Severity severity) {
        return findings.stream()
                .filter(finding -> finding.severity() == severity)
                .toList();
    }

    private static String words(Finding finding) {
        return finding.id() + ": " + finding.evidence()
                + (finding.remedy().isEmpty() ? "" : ". To mend it: " + finding.remedy());
    }

    private static HostNotReadyException notReady(VMTemplate template, String message) {
        return new HostNotReadyException(
                message, FailureContext.of("check the host").vm(template.name()));
    }

    /**
     * What the host can do for a template.
     *
     * @param warnings the promises that it keeps in a weaker form, less those about bandwidth
     * @param bandwidth what it can do of the bandwidth limit
     */
    record Met(List<String> warnings, Shaping bandwidth) {}

    /**
     * What the host can do of a bandwidth limit.
     *
     * @param limit what it can keep
     * @param warnings what it cannot, and why
     */
    record Shaping(BandwidthLimit limit, List<String> warnings) {}
}
