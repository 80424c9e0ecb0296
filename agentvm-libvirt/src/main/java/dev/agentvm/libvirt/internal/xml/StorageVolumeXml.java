package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import org.jspecify.annotations.Nullable;

/** {@code <volume>}: a volume of a storage pool. */
@XmlRootElement(name = "volume")
public final class StorageVolumeXml {
    /** {@code file}, {@code block}, …; libvirt's answer. */
    @XmlAttribute
    public @Nullable String type;

    public @Nullable String name;
    public @Nullable String key;
    public @Nullable SizeXml capacity;
    public @Nullable SizeXml allocation;
    public @Nullable SizeXml physical;
    public @Nullable Target target;
    public @Nullable BackingStore backingStore;

    /** How the volume is kept. */
    @XmlType(name = "volume.target")
    public static final class Target {
        public @Nullable String path;
        public @Nullable FormatXml format;
        public @Nullable PermissionsXml permissions;

        /** The qcow2 version, {@code 1.1} for version 3. */
        public @Nullable String compat;

        public @Nullable Flag nocow;
        public @Nullable SizeXml clusterSize;
        public @Nullable Features features;
    }

    /** Features of the qcow2 format. */
    @XmlType(name = "volume.features")
    public static final class Features {
        @XmlElement(name = "lazy_refcounts")
        public @Nullable Flag lazyRefcounts;

        @XmlElement(name = "extended_l2")
        public @Nullable Flag extendedL2;
    }

    /** The image that the volume is an overlay of. */
    @XmlType(name = "volume.backingstore")
    public static final class BackingStore {
        public @Nullable String path;

        /** Never leave it out: libvirt would look into the image, which a guest may have written. */
        public @Nullable FormatXml format;

        public @Nullable PermissionsXml permissions;
    }
}
