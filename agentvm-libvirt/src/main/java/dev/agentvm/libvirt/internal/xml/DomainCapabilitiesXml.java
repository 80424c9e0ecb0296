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

/** {@code <domainCapabilities>}: what an emulator can do on this host; of it, what the library asks for. */
@XmlRootElement(name = "domainCapabilities")
public final class DomainCapabilitiesXml {
    /** The emulator. */
    public @Nullable String path;

    /** {@code kvm}, {@code qemu}, … */
    public @Nullable String domain;

    public @Nullable String machine;
    public @Nullable String arch;
    public @Nullable Vcpu vcpu;
    public @Nullable Os os;
    public @Nullable Cpu cpu;
    public @Nullable Devices devices;

    /** How many CPUs a guest may have. */
    @XmlType(name = "domaincaps.vcpu")
    public static final class Vcpu {
        @XmlAttribute
        public @Nullable Integer max;
    }

    /** What it can boot with. */
    @XmlType(name = "domaincaps.os")
    public static final class Os {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean supported;

        @XmlElement(name = "enum")
        public List<Choices> choices = new ArrayList<>();

        public @Nullable Loader loader;

        /** Whether that attribute may have that value. */
        public boolean offers(String attribute, String value) {
            return choices.stream().anyMatch(choice -> attribute.equals(choice.name) && choice.values.contains(value));
        }
    }

    /** Firmware images that libvirt knows. */
    @XmlType(name = "domaincaps.loader")
    public static final class Loader {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean supported;

        @XmlElement(name = "value")
        public List<String> values = new ArrayList<>();

        @XmlElement(name = "enum")
        public List<Choices> choices = new ArrayList<>();
    }

    /** The values that an attribute may have. */
    @XmlType(name = "domaincaps.enum")
    public static final class Choices {
        @XmlAttribute
        public @Nullable String name;

        @XmlElement(name = "value")
        public List<String> values = new ArrayList<>();
    }

    /** The ways to say which CPU a guest sees. */
    @XmlType(name = "domaincaps.cpu")
    public static final class Cpu {
        @XmlElement(name = "mode")
        public List<CpuMode> modes = new ArrayList<>();

        /** Whether {@code <cpu mode='name'>} works here. */
        public boolean supports(String name) {
            return modes.stream().anyMatch(mode -> name.equals(mode.name) && Boolean.TRUE.equals(mode.supported));
        }
    }

    /** One of them. */
    @XmlType(name = "domaincaps.cpu.mode")
    public static final class CpuMode {
        @XmlAttribute
        public @Nullable String name;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean supported;

        @XmlElement(name = "enum")
        public List<Choices> choices = new ArrayList<>();

        @XmlElement(name = "model")
        public List<CpuModel> models = new ArrayList<>();

        public @Nullable String vendor;

        @XmlElement(name = "feature")
        public List<CpuFeature> features = new ArrayList<>();
    }

    /** A named CPU. */
    @XmlType(name = "domaincaps.cpu.model")
    public static final class CpuModel {
        /** {@code yes}, {@code no} or {@code unknown}. */
        @XmlAttribute
        public @Nullable String usable;

        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean deprecated;

        @XmlAttribute
        public @Nullable String vendor;

        @XmlAttribute
        public @Nullable String fallback;

        @XmlValue
        public @Nullable String name;
    }

    /** How the host's CPU differs from the named one. */
    @XmlType(name = "domaincaps.cpu.feature")
    public static final class CpuFeature {
        @XmlAttribute
        public @Nullable String policy;

        @XmlAttribute
        public @Nullable String name;
    }

    /** The kinds of devices. */
    @XmlType(name = "domaincaps.devices")
    public static final class Devices {
        public @Nullable Device disk;
        public @Nullable Device video;
        public @Nullable Device rng;
        public @Nullable Device channel;
    }

    /** What a kind of device can be. */
    @XmlType(name = "domaincaps.device")
    public static final class Device {
        @XmlAttribute
        @XmlJavaTypeAdapter(YesNoAdapter.class)
        public @Nullable Boolean supported;

        @XmlElement(name = "enum")
        public List<Choices> choices = new ArrayList<>();
    }
}
