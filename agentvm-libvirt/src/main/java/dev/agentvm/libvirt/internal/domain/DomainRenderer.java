package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.DiskFormat;
import dev.agentvm.Resources;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.BandwidthXml;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.FilterRefXml;
import dev.agentvm.libvirt.internal.xml.Flag;
import dev.agentvm.libvirt.internal.xml.MacAddressXml;
import dev.agentvm.libvirt.internal.xml.MetadataXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.libvirt.internal.xml.PortOptionsXml;
import dev.agentvm.libvirt.internal.xml.SizeXml;
import dev.agentvm.network.DataRate;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Renders a plan to a domain. Pure: the same plan gives the same domain.
 *
 * <p>Why each value is what it is:
 *
 * <ul>
 *   <li><b>type, machine</b>: KVM, or QEMU's emulation where that was chosen; q35 is the machine that is still developed.
 *   <li><b>cpu</b>: {@code host-model} gives the guest what the host's CPU has and stays migratable, without {@code vmx}
 *       and {@code svm}: nested virtualisation is a large attack surface that agents do not need. On AMD without
 *       {@code arch-capabilities}, an Intel register that KVM emulates there, and not every KVM can. {@code maximum} is
 *       the most that emulation offers.
 *   <li><b>genid</b>: libvirt changes it at each restore, and a Linux that is built with {@code vmgenid} then gives its
 *       random numbers another course by itself.
 *   <li><b>memory</b>: out of QEMU's core dumps, since it may hold secrets; no balloon, through which a guest could push
 *       at the host's memory management. The hard limit leaves QEMU 1 GiB beyond the guest's memory for itself: a limit
 *       equal to the guest's memory invites the OOM killer. Emulation keeps half of it at most for translated code;
 *       left to itself, it would take all. A disk on a tmpfs has the size of its
 *       layers on top, since what is written there is charged to QEMU.
 *   <li><b>cputune</b>: shares by the number of CPUs, and a ceiling of all of them and a fifth of one for QEMU's own
 *       threads.
 *   <li><b>disk</b>: a qcow2 overlay whose backing file is named with its format, so that QEMU probes nothing that a
 *       guest may have written, and stays with its owner, so that QEMU's user cannot write it; {@code unmap} gives freed
 *       space back. {@code unsafe} caching is right because the disk never outlives its VM.
 *   <li><b>firmware</b>: of UEFI's, one without Secure Boot, which would refuse disks whose boot loader nobody signed, and
 *       needs system management mode, which is more code that a guest could attack; libvirt would choose one with it. Its
 *       variables have a file of the VM's own, not libvirt's, which outlives the VM and is read by the next of that name.
 *   <li><b>seed</b>: a second virtio disk, read-only, rather than a CD-ROM: the guest needs no driver for it that its own
 *       disk does not need (Debian's cloud kernel has none for SATA), and cloud-init goes by the label alone.
 *   <li><b>interface</b>: virtio; a fixed MAC, so that the address is known before the boot; a tap name of ours, by which
 *       the filter's binding is found (libvirt replaces names that begin with {@code vnet}); an isolated port, so that
 *       VMs on one bridge do not see each other even below the filter. An address that is learnt is learnt from
 *       DHCP servers' answers ({@code CTRL_IP_LEARNING}); libvirt's default believes the guest. No boot ROM: nothing boots from the network.
 *   <li><b>channel</b>: where the guest agent listens, and two spare ones through which copies of files go at many
 *       times the agent's pace, without a network; two, so that one copy each way can be under way, and no more,
 *       since each is a queue of its own in QEMU. They are ports of the controller that the agent's channel needs, no
 *       other device.
 *   <li><b>rng</b>: so that the guest does not wait for entropy; limited, so that it does not drain the host.
 *   <li><b>serial</b>: a pty, read through libvirt into a bounded buffer; a file would grow with what the guest writes.
 *   <li><b>absent</b>: graphics, video, USB, sound, tablet, TPM, watchdog: each is code that a guest could attack.
 *   <li><b>features</b>: ACPI and APIC as guests expect; no performance counters, which leak the host's timing, and no
 *       VMware port.
 *   <li><b>on_poweroff, on_reboot, on_crash</b>: destroy: a VM that ends is gone.
 *   <li><b>seclabel</b>: absent, which leaves the domain to libvirt's dynamic confinement.
 *   <li><b>metadata</b>: the mark by which the VM is known as ours.
 * </ul>
 */
public final class DomainRenderer {
    /** libvirt's own channel name for the agent, and the one that qemu-ga opens by default. */
    public static final String AGENT_CHANNEL = "org.qemu.guest_agent.0";

    /** What the guest calls its own disk, and what its seed. */
    static final String OWN_DISK = "vda";

    static final String SEED_DISK = "vdb";
    /** The spare channels. */
    static final List<String> BULK_CHANNELS = List.of("dev.agentvm.bulk.0", "dev.agentvm.bulk.1");

    private static final String LEARNING = "CTRL_IP_LEARNING";
    private static final int HEADROOM_MIB = 1024;
    private static final long SHARES_PER_CPU = 1024;
    private static final long PERIOD_MICROS = 100_000;
    private static final long EMULATOR_PERCENT = 20;
    private static final long RNG_BYTES_PER_SECOND = 64 * 1024;

    private DomainRenderer() {}

    /** The domain of that plan. */
    public static DomainXml render(DomainPlan plan) {
        DomainXml domain = new DomainXml();
        boolean kvm = plan.accelerator() == Accelerator.KVM;
        domain.type = kvm ? "kvm" : "qemu";
        domain.name = plan.name();
        domain.uuid = plan.id().toString();
        domain.genid = "";
        domain.metadata = MetadataXml.of(mark(plan));
        limits(domain, plan);
        domain.os = os(plan);
        domain.features = features(kvm);
        domain.cpu = cpu(kvm, plan.amd());
        domain.clock = new DomainXml.Clock();
        domain.clock.offset = "utc";
        domain.onPoweroff = "destroy";
        domain.onReboot = "destroy";
        domain.onCrash = "destroy";
        devices(domain.devices, plan);
        return domain;
    }

    private static OwnerXml mark(DomainPlan plan) {
        OwnerXml mark = new OwnerXml();
        mark.id = plan.owner();
        mark.user = plan.user();
        mark.template = plan.name();
        mark.created = plan.created();
        mark.expires = plan.expires().orElse(null);
        if (plan.card().map(DomainPlan.Card::link).orElse(null) instanceof DomainPlan.Link.Bridge bridge) {
            bridge.resolvers().forEach(resolver -> mark.resolvers.add(resolver.toString()));
        }
        plan.labels().forEach(mark::label);
        return mark;
    }

    private static void limits(DomainXml domain, DomainPlan plan) {
        Resources resources = plan.resources();
        long diskMiB = 1024L * plan.layersInMemory() * resources.diskGiB();
        domain.memory = DomainXml.Memory.mib(resources.memoryMiB());
        domain.memory.dumpCore = false;
        domain.memtune = new DomainXml.Memtune();
        domain.memtune.hardLimit = SizeXml.mib(resources.memoryMiB() + HEADROOM_MIB + diskMiB);
        domain.vcpu = DomainXml.Vcpu.of(resources.vcpus());
        domain.cputune = new DomainXml.Cputune();
        domain.cputune.shares = SHARES_PER_CPU * resources.vcpus();
        domain.cputune.globalPeriod = PERIOD_MICROS;
        domain.cputune.globalQuota = PERIOD_MICROS * (100L * resources.vcpus() + EMULATOR_PERCENT) / 100;
    }

    private static DomainXml.Os os(DomainPlan plan) {
        BootSource boot = plan.boot();
        DomainXml.Os os = new DomainXml.Os();
        os.type.arch = "x86_64";
        os.type.machine = "q35";
        os.type.value = "hvm";
        if (boot instanceof BootSource.FromKernel kernel) {
            os.kernel = kernel.kernel().toString();
            os.initrd = kernel.initrd().map(Object::toString).orElse(null);
            os.cmdline = kernel.commandLine();
        } else if (boot.isUefi()) {
            os.firmware = "efi";
            os.firmwareFeatures = new DomainXml.FirmwareFeatures();
            os.firmwareFeatures.features.add(DomainXml.FirmwareFeature.without("secure-boot"));
            os.nvram = plan.variables()
                    .map(variables -> DomainXml.Nvram.at(variables.path()))
                    .orElse(null);
        } else {
            os.bios = new DomainXml.Bios();
            os.bios.useserial = true;
        }
        return os;
    }

    private static DomainXml.Features features(boolean kvm) {
        DomainXml.Features features = new DomainXml.Features();
        features.acpi = Flag.present();
        features.apic = Flag.present();
        features.pmu = DomainXml.State.off();
        features.vmport = DomainXml.State.off();
        if (!kvm) {
            features.tcg = new DomainXml.Tcg();
            features.tcg.tbCache = SizeXml.mib(HEADROOM_MIB / 2);
        }
        return features;
    }

    private static DomainXml.Cpu cpu(boolean kvm, boolean amd) {
        DomainXml.Cpu cpu = new DomainXml.Cpu();
        if (kvm) {
            cpu.mode = "host-model";
            cpu.without("vmx").without("svm");
            return amd ? cpu.without("arch-capabilities") : cpu;
        }
        cpu.mode = "maximum";
        return cpu;
    }

    private static void devices(DomainXml.Devices devices, DomainPlan plan) {
        devices.disks.add(disk(plan.disk(), plan.boot()));
        plan.seed().map(DomainRenderer::seed).ifPresent(devices.disks::add);
        devices.controllers.add(noUsb());
        plan.card().map(DomainRenderer::card).ifPresent(devices.interfaces::add);
        DomainXml.CharacterDevice serial = new DomainXml.CharacterDevice();
        serial.type = "pty";
        devices.serials.add(serial);
        devices.channels.add(DomainXml.CharacterDevice.virtioChannel(AGENT_CHANNEL));
        BULK_CHANNELS.stream().map(DomainXml.CharacterDevice::virtioChannel).forEach(devices.channels::add);
        devices.memballoon = DomainXml.Memballoon.none();
        devices.rngs.add(rng());
    }

    private static DomainXml.BackingStore below(VMDisk own) {
        DomainXml.BackingStore below = own.backing()
                .map(backing -> DomainXml.BackingStore.last(backing.file().toString(), format(backing.format())))
                .orElseGet(DomainXml.BackingStore::none);
        for (int i = own.layers().size() - 1; i >= 0; i--) {
            below = DomainXml.BackingStore.overlay(own.layers().get(i).path(), below);
        }
        return below;
    }

    /** The VM's own disk. */
    static DomainXml.Disk disk(VMDisk own, BootSource boot) {
        DomainXml.DiskDriver driver = new DomainXml.DiskDriver();
        driver.name = "qemu";
        driver.type = "qcow2";
        driver.cache = "unsafe";
        driver.discard = "unmap";
        DomainXml.Disk disk = disk(OWN_DISK, own.volume(), driver);
        disk.backingStore = below(own);
        if (boot instanceof BootSource.FromDisk) {
            disk.boot = DomainXml.Boot.order(1);
        }
        return disk;
    }

    private static DomainXml.Disk seed(Volume seed) {
        DomainXml.DiskDriver driver = new DomainXml.DiskDriver();
        driver.name = "qemu";
        driver.type = "raw";
        DomainXml.Disk disk = disk(SEED_DISK, seed, driver);
        disk.readonly = Flag.present();
        return disk;
    }

    private static DomainXml.Disk disk(String name, Volume volume, DomainXml.DiskDriver driver) {
        DomainXml.Disk disk = new DomainXml.Disk();
        disk.type = "file";
        disk.device = "disk";
        disk.driver = driver;
        disk.source = DomainXml.DiskSource.file(volume.path());
        disk.target = new DomainXml.DiskTarget();
        disk.target.dev = name;
        disk.target.bus = "virtio";
        return disk;
    }

    private static String format(DiskFormat format) {
        return format.name().toLowerCase(Locale.ROOT);
    }

    private static DomainXml.Controller noUsb() {
        DomainXml.Controller usb = new DomainXml.Controller();
        usb.type = "usb";
        usb.model = "none";
        return usb;
    }

    private static DomainXml.Interface card(DomainPlan.Card plan) {
        DomainXml.Interface card = new DomainXml.Interface();
        if (plan.link() instanceof DomainPlan.Link.Network network) {
            card.type = "network";
            card.source = DomainXml.InterfaceSource.network(network.name());
        } else if (plan.link() instanceof DomainPlan.Link.Bridge bridge) {
            card.type = "bridge";
            card.source = DomainXml.InterfaceSource.bridge(bridge.name());
        }
        card.mac = MacAddressXml.of(plan.mac().toString());
        card.target = DomainXml.InterfaceTarget.dev(plan.tap());
        card.model = DomainXml.InterfaceModel.of("virtio");
        card.filterref = FilterRefXml.to(plan.filter());
        if (plan.link() instanceof DomainPlan.Link.Bridge bridge && bridge.learning()) {
            card.filterref.with(LEARNING, "dhcp");
        }
        card.port = PortOptionsXml.isolated();
        card.bandwidth = bandwidth(plan);
        card.rom = new DomainXml.Rom();
        card.rom.enabled = false;
        return card;
    }

    /** Whether the VM of that card has its address from a DHCP lease. */
    static boolean isLearning(DomainXml.Interface card) {
        return card.filterref != null
                && card.filterref.parameters.stream().anyMatch(parameter -> LEARNING.equals(parameter.name));
    }

    private static @Nullable BandwidthXml bandwidth(DomainPlan.Card card) {
        if (card.bandwidth().isUnlimited()) {
            return null;
        }
        BandwidthXml bandwidth = new BandwidthXml();
        bandwidth.inbound = limit(card.bandwidth().down());
        bandwidth.outbound = limit(card.bandwidth().up());
        return bandwidth;
    }

    private static BandwidthXml.@Nullable Limit limit(Optional<DataRate> rate) {
        if (rate.isEmpty()) {
            return null;
        }
        BandwidthXml.Limit limit = new BandwidthXml.Limit();
        limit.average = (long) kilobytesPerSecond(rate.get());
        return limit;
    }

    /** libvirt counts in thousands of bytes per second, in 32 bits, and takes 0 for no limit. */
    static int kilobytesPerSecond(DataRate rate) {
        return (int) Math.min(Integer.MAX_VALUE, Math.max(1, rate.bytesPerSecond() / 1000));
    }

    private static DomainXml.Rng rng() {
        DomainXml.Rng rng = new DomainXml.Rng();
        rng.model = "virtio";
        rng.rate = new DomainXml.RngRate();
        rng.rate.bytes = RNG_BYTES_PER_SECOND;
        rng.rate.period = 1000L;
        rng.backend = new DomainXml.RngBackend();
        rng.backend.model = "random";
        rng.backend.path = "/dev/urandom";
        return rng;
    }
}
