package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import org.jspecify.annotations.Nullable;

/** {@code <pool>}: a storage pool. */
@XmlRootElement(name = "pool")
public final class StoragePoolXml {
    /** {@code dir}, {@code fs}, {@code logical}, … */
    @XmlAttribute
    public @Nullable String type;

    public @Nullable String name;
    public @Nullable String uuid;
    public @Nullable SizeXml capacity;
    public @Nullable SizeXml allocation;
    public @Nullable SizeXml available;
    public @Nullable Target target;

    /** Where the pool lies on the host. */
    @XmlType(name = "pool.target")
    public static final class Target {
        public @Nullable String path;
        public @Nullable PermissionsXml permissions;
    }
}
