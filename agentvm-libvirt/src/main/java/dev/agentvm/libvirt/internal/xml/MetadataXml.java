package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlElement;
import org.jspecify.annotations.Nullable;

/** {@code <metadata>}, of which only what is ours is read and written. */
public final class MetadataXml {
    @XmlElement(name = OwnerXml.ELEMENT, namespace = OwnerXml.NAMESPACE)
    public @Nullable OwnerXml owner;

    @XmlElement(name = ActivityXml.ELEMENT, namespace = ActivityXml.NAMESPACE)
    public @Nullable ActivityXml activity;

    /** Metadata that hold that mark. */
    public static MetadataXml of(OwnerXml owner) {
        MetadataXml metadata = new MetadataXml();
        metadata.owner = owner;
        return metadata;
    }
}
