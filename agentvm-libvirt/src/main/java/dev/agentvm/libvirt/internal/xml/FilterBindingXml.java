package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import org.jspecify.annotations.Nullable;

/** {@code <filterbinding>}: which filter is in force on which tap. */
@XmlRootElement(name = "filterbinding")
public final class FilterBindingXml {
    public @Nullable Owner owner;
    public @Nullable Device portdev;
    public @Nullable Device linkdev;
    public @Nullable MacAddressXml mac;
    public @Nullable FilterRefXml filterref;

    /** The domain that the tap belongs to. */
    @XmlType(name = "filterbinding.owner")
    public static final class Owner {
        public @Nullable String name;
        public @Nullable String uuid;
    }

    /** A host interface. */
    @XmlType(name = "filterbinding.device")
    public static final class Device {
        @XmlAttribute
        public @Nullable String name;
    }
}
