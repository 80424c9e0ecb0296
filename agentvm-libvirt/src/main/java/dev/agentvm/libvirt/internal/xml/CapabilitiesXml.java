package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import jakarta.xml.bind.annotation.XmlValue;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code <capabilities>}: what the host is and which guests it can run; of it, what the library asks for. */
@XmlRootElement(name = "capabilities")
public final class CapabilitiesXml {
    public @Nullable Host host;

    @XmlElement(name = "guest")
    public List<Guest> guests = new ArrayList<>();

    /** The host. */
    @XmlType(name = "capabilities.host")
    public static final class Host {
        public @Nullable String uuid;
        public @Nullable Cpu cpu;

        /** The security drivers in force, such as {@code apparmor} and {@code dac}. */
        @XmlElement(name = "secmodel")
        public List<SecurityModel> securityModels = new ArrayList<>();
    }

    /** The host's CPU. */
    @XmlType(name = "capabilities.cpu")
    public static final class Cpu {
        public @Nullable String arch;
        public @Nullable String model;
        public @Nullable String vendor;
    }

    /** A security driver. */
    @XmlType(name = "capabilities.secmodel")
    public static final class SecurityModel {
        public @Nullable String model;
        public @Nullable String doi;

        @XmlElement(name = "baselabel")
        public List<BaseLabel> baseLabels = new ArrayList<>();
    }

    /** The label that guests of one type get. */
    @XmlType(name = "capabilities.baselabel")
    public static final class BaseLabel {
        @XmlAttribute
        public @Nullable String type;

        @XmlValue
        public @Nullable String label;
    }

    /** A kind of guest. */
    @XmlType(name = "capabilities.guest")
    public static final class Guest {
        @XmlElement(name = "os_type")
        public @Nullable String osType;

        public @Nullable Arch arch;
    }

    /** The architecture of a kind of guest. */
    @XmlType(name = "capabilities.arch")
    public static final class Arch {
        @XmlAttribute
        public @Nullable String name;

        public @Nullable Integer wordsize;
        public @Nullable String emulator;

        @XmlElement(name = "machine")
        public List<Machine> machines = new ArrayList<>();

        @XmlElement(name = "domain")
        public List<DomainType> domains = new ArrayList<>();
    }

    /** A machine type. */
    @XmlType(name = "capabilities.machine")
    public static final class Machine {
        /** The versioned machine that an alias such as {@code q35} stands for. */
        @XmlAttribute
        public @Nullable String canonical;

        @XmlAttribute
        public @Nullable Integer maxCpus;

        @XmlValue
        public @Nullable String name;
    }

    /** A virtualisation type, such as {@code kvm}. */
    @XmlType(name = "capabilities.domain")
    public static final class DomainType {
        @XmlAttribute
        public @Nullable String type;
    }
}
