package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import jakarta.xml.bind.annotation.XmlValue;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code <domain>}: a virtual machine.
 *
 * <p>There are fields for what the library writes and for what it asks of a running domain. Devices that it never gives
 * to a guest (graphics, sound, TPM, host devices, …) have none.
 */
@XmlRootElement(name = "domain")
public final class DomainXml {
    /** {@code kvm} or {@code qemu}. */
    @XmlAttribute
    public @Nullable String type;

    /** While it runs, and only in what libvirt answers. */
    @XmlAttribute
    public @Nullable Integer id;

    public @Nullable String name;
    public @Nullable String uuid;

    /** A number that libvirt changes when the domain is restored; empty, libvirt chooses it. */
    public @Nullable String genid;

    public @Nullable MetadataXml metadata;
    public @Nullable Memory memory;
    public @Nullable SizeXml currentMemory;
    public @Nullable Vcpu vcpu;
    public @Nullable Cputune cputune;
    public @Nullable Memtune memtune;
    public @Nullable Resource resource;
    public Os os = new Os();
    public @Nullable Features features;
    public @Nullable Cpu cpu;
    public @Nullable Clock clock;

    /** {@code destroy}, {@code restart}, {@code preserve}, … */
    @XmlElement(name = "on_poweroff")
    public @Nullable String onPoweroff;

    @XmlElement(name = "on_reboot")
    public @Nullable String onReboot;

    @XmlElement(name = "on_crash")
    public @Nullable String onCrash;

    public Devices devices = new Devices();

    /** Read only: the library leaves confinement to libvirt. */
    @XmlElement(name = "seclabel")
    public List<Seclabel> seclabels = new ArrayList<>();

    /** The guest's memory. */
    @XmlType(name = "domain.memory")
    public static final class Memory {
        /** KiB if absent. */
        @XmlAttribute
        public @Nullable String unit;

        /** Whether a core dump of QEMU holds the guest's memory. */
        @XmlAttribute
        @XmlJavaTypeAdapter(OnOffAdapter.class)
        public @Nullable Boolean dumpCore;

        @XmlValue
        public @Nullable Long value;

        /** So many MiB. */
        public static Memory mib(long value) {
            Memory memory = new Memory();
            memory.unit = "MiB";
            memory.value = value;
            return memory;
        }
    }

    /** How many CPUs the guest has. */
    @XmlType(name = "domain.vcpu")
    public static final class Vcpu {
        /** {@code static} or {@code auto}. */
        @XmlAttribute
        public @Nullable String placement;

        /** The host CPUs that they may run on. */
        @XmlAttribute
        public @Nullable String cpuset;

        @XmlValue
        public @Nullable Integer count;

        /** So many. */
        public static Vcpu of(int count) {
            Vcpu vcpu = new Vcpu();
            vcpu.count = count;
            return vcpu;
        }
    }

    /** Limits of CPU time. Periods and quotas are in microseconds, a quota of −1 is none. */
    @XmlType(name = "domain.cputune")
    public static final class Cputune {
        /** Weight against other groups; 1024 is the kernel's usual. */
        public @Nullable Long shares;

        public @Nullable Long period;

        /** Of each virtual CPU. */
        public @Nullable Long quota;

        @XmlElement(name = "global_period")
        public @Nullable Long globalPeriod;

        /** Of the whole QEMU process. */
        @XmlElement(name = "global_quota")
        public @Nullable Long globalQuota;

        @XmlElement(name = "emulator_period")
        public @Nullable Long emulatorPeriod;

        @XmlElement(name = "emulator_quota")
        public @Nullable Long emulatorQuota;
    }

    /** Limits of QEMU's memory. */
    @XmlType(name = "domain.memtune")
    public static final class Memtune {
        @XmlElement(name = "hard_limit")
        public @Nullable SizeXml hardLimit;

        @XmlElement(name = "soft_limit")
        public @Nullable SizeXml softLimit;

        @XmlElement(name = "swap_hard_limit")
        public @Nullable SizeXml swapHardLimit;
    }

    /** Where QEMU's cgroup lies. */
    @XmlType(name = "domain.resource")
    public static final class Resource {
        public @Nullable String partition;
    }

    /** What boots, and how. */
    @XmlType(name = "domain.os")
    public static final class Os {
        /** {@code efi} or {@code bios}: libvirt then chooses loader and nvram. */
        @XmlAttribute
        public @Nullable String firmware;

        public OsType type = new OsType();

        @XmlElement(name = "firmware")
        public @Nullable FirmwareFeatures firmwareFeatures;

        public @Nullable Loader loader;
        public @Nullable Nvram nvram;
        public @Nullable String kernel;
        public @Nullable String initrd;
        public @Nullable String cmdline;

        /** Not together with a boot order of devices. */
        public List<BootDevice> boot = new ArrayList<>();

        public @Nullable Bios bios;
    }

    /** The machine. */
    @XmlType(name = "domain.ostype")
    public static final class OsType {
        @XmlAttribute
        public @Nullable String arch;

        @XmlAttribute
        public @Nullable String machine;

        /** {@code hvm}. */
        @XmlValue
        public @Nullable String value;
    }

    /** What the firmware must or must not have. */
    @XmlType(name = "domain.firmwarefeatures")
    public static final class FirmwareFeatures {
        @XmlElement(name = "feature")
        public List<FirmwareFeature> features = new ArrayList<>();
    }

    /** One of {@code secure-boot} and {@code enrolled-keys}. */
    @XmlType(name = "domain.firmwarefeature")
    public static final class FirmwareFeature {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean enabled;

        @XmlAttribute
        public @Nullable String name;

        /** One that the firmware must not have. */
        public static FirmwareFeature without(String name) {
            FirmwareFeature feature = new FirmwareFeature();
            feature.enabled = false;
            feature.name = name;
            return feature;
        }
    }

    /** A firmware image. */
    @XmlType(name = "domain.loader")
    public static final class Loader {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean readonly;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean secure;

        /** {@code rom} or {@code pflash}. */
        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean stateless;

        @XmlValue
        public @Nullable String path;
    }

    /** The firmware's variables. */
    @XmlType(name = "domain.nvram")
    public static final class Nvram {
        @XmlAttribute
        public @Nullable String template;

        @XmlValue
        public @Nullable String path;

        /** Kept in that file, made from libvirt's choice of template. */
        public static Nvram at(String path) {
            Nvram nvram = new Nvram();
            nvram.path = path;
            return nvram;
        }
    }

    /** A kind of device to boot from. */
    @XmlType(name = "domain.bootdevice")
    public static final class BootDevice {
        @XmlAttribute
        public @Nullable String dev;
    }

    /** What the firmware does beside booting. */
    @XmlType(name = "domain.bios")
    public static final class Bios {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean useserial;

        /** Milliseconds until the next try, −1 for none. */
        @XmlAttribute
        public @Nullable Integer rebootTimeout;
    }

    /** What the machine offers. */
    @XmlType(name = "domain.features")
    public static final class Features {
        public @Nullable Flag acpi;
        public @Nullable Flag apic;
        public @Nullable Flag pae;
        public @Nullable State pmu;
        public @Nullable State vmport;
        public @Nullable State smm;
        public @Nullable Tcg tcg;
    }

    /** QEMU's emulation. */
    @XmlType(name = "domain.tcg")
    public static final class Tcg {
        /** How much of the guest's code is kept translated. */
        @XmlElement(name = "tb-cache")
        public @Nullable SizeXml tbCache;
    }

    /** A feature that is switched on or off. */
    @XmlType(name = "domain.state")
    public static final class State {
        @XmlAttribute
        @XmlJavaTypeAdapter(OnOffAdapter.class)
        public @Nullable Boolean state;

        /** Switched on. */
        public static State on() {
            return of(true);
        }

        /** Switched off. */
        public static State off() {
            return of(false);
        }

        private static State of(boolean on) {
            State state = new State();
            state.state = on;
            return state;
        }
    }

    /** The CPU that the guest sees. */
    @XmlType(name = "domain.cpu")
    public static final class Cpu {
        /** {@code host-model}, {@code host-passthrough}, {@code maximum} or {@code custom}. */
        @XmlAttribute
        public @Nullable String mode;

        @XmlAttribute
        public @Nullable String match;

        /** {@code none}, {@code partial} or {@code full}. */
        @XmlAttribute
        public @Nullable String check;

        @XmlAttribute
        @XmlJavaTypeAdapter(OnOffAdapter.class)
        public @Nullable Boolean migratable;

        public @Nullable CpuModel model;
        public @Nullable String vendor;
        public @Nullable Topology topology;

        @XmlElement(name = "feature")
        public List<CpuFeature> features = new ArrayList<>();

        /** Forbids a feature of the CPU. */
        public Cpu without(String feature) {
            CpuFeature disabled = new CpuFeature();
            disabled.policy = "disable";
            disabled.name = feature;
            features.add(disabled);
            return this;
        }
    }

    /** A named CPU. */
    @XmlType(name = "domain.cpumodel")
    public static final class CpuModel {
        /** {@code allow} or {@code forbid}. */
        @XmlAttribute
        public @Nullable String fallback;

        @XmlValue
        public @Nullable String name;
    }

    /** How the guest's CPUs are arranged. */
    @XmlType(name = "domain.topology")
    public static final class Topology {
        @XmlAttribute
        public @Nullable Integer sockets;

        @XmlAttribute
        public @Nullable Integer dies;

        @XmlAttribute
        public @Nullable Integer cores;

        @XmlAttribute
        public @Nullable Integer threads;
    }

    /** What the CPU must or must not have. */
    @XmlType(name = "domain.cpufeature")
    public static final class CpuFeature {
        /** {@code force}, {@code require}, {@code optional}, {@code disable} or {@code forbid}. */
        @XmlAttribute
        public @Nullable String policy;

        @XmlAttribute
        public @Nullable String name;
    }

    /** The guest's clock. */
    @XmlType(name = "domain.clock")
    public static final class Clock {
        /** {@code utc}, {@code localtime}, … */
        @XmlAttribute
        public @Nullable String offset;

        @XmlElement(name = "timer")
        public List<Timer> timers = new ArrayList<>();
    }

    /** A source of the guest's time. */
    @XmlType(name = "domain.timer")
    public static final class Timer {
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean present;

        @XmlAttribute
        public @Nullable String tickpolicy;
    }

    /** Everything that hangs on the machine. */
    @XmlType(name = "domain.devices")
    public static final class Devices {
        public @Nullable String emulator;

        @XmlElement(name = "disk")
        public List<Disk> disks = new ArrayList<>();

        @XmlElement(name = "controller")
        public List<Controller> controllers = new ArrayList<>();

        @XmlElement(name = "interface")
        public List<Interface> interfaces = new ArrayList<>();

        @XmlElement(name = "serial")
        public List<CharacterDevice> serials = new ArrayList<>();

        @XmlElement(name = "console")
        public List<CharacterDevice> consoles = new ArrayList<>();

        @XmlElement(name = "channel")
        public List<CharacterDevice> channels = new ArrayList<>();

        /** Read only: newer libvirt gives one to each q35 machine. */
        @XmlElement(name = "watchdog")
        public List<Watchdog> watchdogs = new ArrayList<>();

        @XmlElement(name = "video")
        public List<Video> videos = new ArrayList<>();

        public @Nullable Memballoon memballoon;

        @XmlElement(name = "rng")
        public List<Rng> rngs = new ArrayList<>();
    }

    /** A disk. It is also a document of its own, for attaching and changing one. */
    @XmlRootElement(name = "disk")
    @XmlType(name = "domain.disk")
    public static final class Disk {
        /** {@code file}, {@code block}, … */
        @XmlAttribute
        public @Nullable String type;

        /** {@code disk} or {@code cdrom}. */
        @XmlAttribute
        public @Nullable String device;

        public @Nullable DiskDriver driver;
        public @Nullable DiskSource source;
        public @Nullable BackingStore backingStore;
        public @Nullable DiskTarget target;
        public @Nullable Iotune iotune;
        public @Nullable Flag readonly;
        public @Nullable Flag shareable;

        @XmlElement(name = "transient")
        public @Nullable Flag transientDisk;

        public @Nullable String serial;
        public @Nullable Boot boot;
        public @Nullable Alias alias;
    }

    /** How QEMU treats the image. */
    @XmlType(name = "domain.diskdriver")
    public static final class DiskDriver {
        /** {@code qemu}. */
        @XmlAttribute
        public @Nullable String name;

        /** The image's format. Never leave it out: libvirt would take it for raw. */
        @XmlAttribute
        public @Nullable String type;

        /** {@code none}, {@code writeback}, {@code unsafe}, … */
        @XmlAttribute
        public @Nullable String cache;

        /** {@code stop}, {@code report}, {@code ignore} or {@code enospace}. */
        @XmlAttribute(name = "error_policy")
        public @Nullable String errorPolicy;

        /** {@code native}, {@code threads} or {@code io_uring}. */
        @XmlAttribute
        public @Nullable String io;

        /** {@code unmap} or {@code ignore}. */
        @XmlAttribute
        public @Nullable String discard;

        /** {@code off}, {@code on} or {@code unmap}. */
        @XmlAttribute(name = "detect_zeroes")
        public @Nullable String detectZeroes;

        @XmlAttribute
        public @Nullable Integer queues;
    }

    /** Where the image lies. */
    @XmlType(name = "domain.disksource")
    public static final class DiskSource {
        @XmlAttribute
        public @Nullable String file;

        @XmlAttribute
        public @Nullable String dev;

        @XmlAttribute
        public @Nullable String pool;

        @XmlAttribute
        public @Nullable String volume;

        @XmlAttribute
        public @Nullable String startupPolicy;

        /** libvirt's number for the image in a running domain. */
        @XmlAttribute
        public @Nullable Integer index;

        @XmlElement(name = "seclabel")
        public List<Seclabel> seclabels = new ArrayList<>();

        /** Leaves the file with its owner, where libvirt would give it to QEMU's user. */
        public DiskSource keepOwner() {
            Seclabel dac = new Seclabel();
            dac.model = "dac";
            dac.relabel = false;
            seclabels.add(dac);
            return this;
        }

        /** The file at {@code path}. */
        public static DiskSource file(String path) {
            DiskSource source = new DiskSource();
            source.file = path;
            return source;
        }
    }

    /** What an image is an overlay of. One without content ends the chain, and libvirt then looks no further. */
    @XmlType(name = "domain.backingstore")
    public static final class BackingStore {
        /** {@code file}, {@code block}, … */
        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute
        public @Nullable Integer index;

        public @Nullable FormatXml format;
        public @Nullable DiskSource source;
        public @Nullable BackingStore backingStore;

        /** The image at {@code path}, itself an overlay of nothing, which stays with its owner. */
        public static BackingStore last(String path, String format) {
            BackingStore store = new BackingStore();
            store.type = "file";
            store.format = FormatXml.of(format);
            store.source = DiskSource.file(path).keepOwner();
            store.backingStore = none();
            return store;
        }

        /** The qcow2 overlay at {@code path}, of what is {@code below}. */
        public static BackingStore overlay(String path, BackingStore below) {
            BackingStore store = new BackingStore();
            store.type = "file";
            store.format = FormatXml.of("qcow2");
            store.source = DiskSource.file(path);
            store.backingStore = below;
            return store;
        }

        /** The end of the chain. */
        public static BackingStore none() {
            return new BackingStore();
        }
    }

    /** How the guest sees the disk. */
    @XmlType(name = "domain.disktarget")
    public static final class DiskTarget {
        @XmlAttribute
        public @Nullable String dev;

        /** {@code virtio}, {@code sata}, {@code scsi}, … */
        @XmlAttribute
        public @Nullable String bus;
    }

    /** Limits of a disk's speed, 0 for none. */
    @XmlType(name = "domain.iotune")
    public static final class Iotune {
        @XmlElement(name = "total_bytes_sec")
        public @Nullable Long totalBytesSec;

        @XmlElement(name = "read_bytes_sec")
        public @Nullable Long readBytesSec;

        @XmlElement(name = "write_bytes_sec")
        public @Nullable Long writeBytesSec;

        @XmlElement(name = "total_iops_sec")
        public @Nullable Long totalIopsSec;

        @XmlElement(name = "read_iops_sec")
        public @Nullable Long readIopsSec;

        @XmlElement(name = "write_iops_sec")
        public @Nullable Long writeIopsSec;
    }

    /** A device's place in the boot order, from 1. */
    @XmlType(name = "domain.boot")
    public static final class Boot {
        @XmlAttribute
        public @Nullable Integer order;

        /** That place. */
        public static Boot order(int order) {
            Boot boot = new Boot();
            boot.order = order;
            return boot;
        }
    }

    /** libvirt's name of a device; a name given by us begins with {@code ua-}. */
    @XmlType(name = "domain.alias")
    public static final class Alias {
        @XmlAttribute
        public @Nullable String name;
    }

    /** A bus. */
    @XmlType(name = "domain.controller")
    public static final class Controller {
        /** {@code usb}, {@code virtio-serial}, {@code pci}, … */
        @XmlAttribute
        public @Nullable String type;

        @XmlAttribute
        public @Nullable Integer index;

        /** {@code none} for no USB. */
        @XmlAttribute
        public @Nullable String model;

        @XmlAttribute
        public @Nullable Integer ports;
    }

    /** A network card. It is also a document of its own, for changing one. */
    @XmlRootElement(name = "interface")
    @XmlType(name = "domain.interface")
    public static final class Interface {
        /** {@code network} or {@code bridge}. */
        @XmlAttribute
        public @Nullable String type;

        public @Nullable MacAddressXml mac;
        public @Nullable InterfaceSource source;
        public @Nullable InterfaceTarget target;
        public @Nullable InterfaceModel model;
        public @Nullable InterfaceDriver driver;
        public @Nullable FilterRefXml filterref;
        public @Nullable PortOptionsXml port;
        public @Nullable BandwidthXml bandwidth;
        public @Nullable MtuXml mtu;
        public @Nullable Link link;
        public @Nullable Rom rom;
        public @Nullable Boot boot;
        public @Nullable Alias alias;
    }

    /** What it is plugged into. */
    @XmlType(name = "domain.interfacesource")
    public static final class InterfaceSource {
        @XmlAttribute
        public @Nullable String network;

        @XmlAttribute
        public @Nullable String bridge;

        @XmlAttribute
        public @Nullable String portgroup;

        /** The network's record of this interface; libvirt's answer. */
        @XmlAttribute
        public @Nullable String portid;

        /** A libvirt network. */
        public static InterfaceSource network(String name) {
            InterfaceSource source = new InterfaceSource();
            source.network = name;
            return source;
        }

        /** A bridge of the host. */
        public static InterfaceSource bridge(String name) {
            InterfaceSource source = new InterfaceSource();
            source.bridge = name;
            return source;
        }
    }

    /** The tap on the host. */
    @XmlType(name = "domain.interfacetarget")
    public static final class InterfaceTarget {
        /** At most 15 characters; libvirt replaces one that begins with {@code vnet} or {@code vif}. */
        @XmlAttribute
        public @Nullable String dev;

        /** The tap of that name. */
        public static InterfaceTarget dev(String name) {
            InterfaceTarget target = new InterfaceTarget();
            target.dev = name;
            return target;
        }
    }

    /** What the guest sees. */
    @XmlType(name = "domain.interfacemodel")
    public static final class InterfaceModel {
        @XmlAttribute
        public @Nullable String type;

        /** Such a card. */
        public static InterfaceModel of(String type) {
            InterfaceModel model = new InterfaceModel();
            model.type = type;
            return model;
        }
    }

    /** Who moves the packets. */
    @XmlType(name = "domain.interfacedriver")
    public static final class InterfaceDriver {
        /** {@code qemu} or {@code vhost}. */
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        public @Nullable Integer queues;
    }

    /** Whether the cable is plugged in. */
    @XmlType(name = "domain.link")
    public static final class Link {
        /** {@code up} or {@code down}. */
        @XmlAttribute
        public @Nullable String state;
    }

    /** The card's boot ROM. */
    @XmlType(name = "domain.rom")
    public static final class Rom {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean enabled;
    }

    /** A serial port, console or channel. */
    @XmlType(name = "domain.characterdevice")
    public static final class CharacterDevice {
        /** {@code pty}, {@code unix}, {@code null}, … */
        @XmlAttribute
        public @Nullable String type;

        /** Where libvirt put it, in its answers about consoles. */
        @XmlAttribute
        public @Nullable String tty;

        public @Nullable CharacterSource source;
        public @Nullable CharacterTarget target;
        public @Nullable Alias alias;

        /** The guest agent's channel or another of its kind, at a socket that libvirt chooses. */
        public static CharacterDevice virtioChannel(String name) {
            CharacterDevice channel = new CharacterDevice();
            channel.type = "unix";
            channel.source = new CharacterSource();
            channel.source.mode = "bind";
            channel.target = new CharacterTarget();
            channel.target.type = "virtio";
            channel.target.name = name;
            return channel;
        }
    }

    /** The host's end. */
    @XmlType(name = "domain.charactersource")
    public static final class CharacterSource {
        /** {@code bind} or {@code connect}, of a socket. */
        @XmlAttribute
        public @Nullable String mode;

        @XmlAttribute
        public @Nullable String path;
    }

    /** The guest's end. */
    @XmlType(name = "domain.charactertarget")
    public static final class CharacterTarget {
        /** {@code isa-serial}, {@code serial}, {@code virtio}, … */
        @XmlAttribute
        public @Nullable String type;

        /** Of a channel. */
        @XmlAttribute
        public @Nullable String name;

        /** Whether the guest has opened the channel: {@code connected} or {@code disconnected}. */
        @XmlAttribute
        public @Nullable String state;

        @XmlAttribute
        public @Nullable Integer port;

        public @Nullable CharacterModel model;
    }

    /** The guest's end, more closely. */
    @XmlType(name = "domain.charactermodel")
    public static final class CharacterModel {
        @XmlAttribute
        public @Nullable String name;
    }

    /** A watchdog. */
    @XmlType(name = "domain.watchdog")
    public static final class Watchdog {
        @XmlAttribute
        public @Nullable String model;

        @XmlAttribute
        public @Nullable String action;
    }

    /** A graphics card. */
    @XmlType(name = "domain.video")
    public static final class Video {
        public @Nullable VideoModel model;
    }

    /** What the guest sees. */
    @XmlType(name = "domain.videomodel")
    public static final class VideoModel {
        /** {@code none} keeps libvirt from adding one. */
        @XmlAttribute
        public @Nullable String type;
    }

    /** The memory balloon. */
    @XmlType(name = "domain.memballoon")
    public static final class Memballoon {
        @XmlAttribute
        public @Nullable String model;

        /** No balloon, which libvirt would add otherwise. */
        public static Memballoon none() {
            Memballoon balloon = new Memballoon();
            balloon.model = "none";
            return balloon;
        }
    }

    /** A source of random numbers. */
    @XmlType(name = "domain.rng")
    public static final class Rng {
        /** {@code virtio}. */
        @XmlAttribute
        public @Nullable String model;

        public @Nullable RngRate rate;
        public @Nullable RngBackend backend;
        public @Nullable Alias alias;
    }

    /** How much the guest may draw. */
    @XmlType(name = "domain.rngrate")
    public static final class RngRate {
        @XmlAttribute
        public @Nullable Long bytes;

        /** Milliseconds, 1000 if absent. */
        @XmlAttribute
        public @Nullable Long period;
    }

    /** Where the host takes them from. */
    @XmlType(name = "domain.rngbackend")
    public static final class RngBackend {
        /** {@code random}, {@code builtin} or {@code egd}. */
        @XmlAttribute
        public @Nullable String model;

        @XmlValue
        public @Nullable String path;
    }

    /** A security label of the QEMU process. */
    @XmlType(name = "domain.seclabel")
    public static final class Seclabel {
        /** {@code dynamic}, {@code static} or {@code none}. */
        @XmlAttribute
        public @Nullable String type;

        /** {@code apparmor}, {@code selinux} or {@code dac}. */
        @XmlAttribute
        public @Nullable String model;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean relabel;

        public @Nullable String label;
        public @Nullable String imagelabel;
        public @Nullable String baselabel;
    }
}
