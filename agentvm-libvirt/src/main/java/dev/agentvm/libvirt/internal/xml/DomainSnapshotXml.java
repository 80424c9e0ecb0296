package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlElementWrapper;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code <domainsnapshot>}: what is to become of a domain's memory and disks when a snapshot is taken. */
@XmlRootElement(name = "domainsnapshot")
public final class DomainSnapshotXml {
    public @Nullable Memory memory;

    @XmlElementWrapper(name = "disks")
    @XmlElement(name = "disk")
    public List<Disk> disks = new ArrayList<>();

    /** Where the memory goes. */
    @XmlType(name = "domainsnapshot.memory")
    public static final class Memory {
        /** {@code external}, {@code internal} or {@code no}. */
        @XmlAttribute
        public @Nullable String snapshot;

        @XmlAttribute
        public @Nullable String file;
    }

    /** What becomes of a disk. */
    @XmlType(name = "domainsnapshot.disk")
    public static final class Disk {
        /** The guest's name of it. */
        @XmlAttribute
        public @Nullable String name;

        /** {@code external}, {@code internal} or {@code no}. */
        @XmlAttribute
        public @Nullable String snapshot;

        public @Nullable FormatXml driver;
        public @Nullable Source source;
    }

    /** Where the domain writes from then on. */
    @XmlType(name = "domainsnapshot.source")
    public static final class Source {
        @XmlAttribute
        public @Nullable String file;
    }
}
