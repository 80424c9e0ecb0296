package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import jakarta.xml.bind.annotation.XmlValue;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The owner mark that this library puts into libvirt's metadata. It is also a document of its own: libvirt's
 * {@code virDomainGetMetadata} answers with this element alone.
 */
@XmlRootElement(name = OwnerXml.ELEMENT, namespace = OwnerXml.NAMESPACE)
public final class OwnerXml {
    /** The namespace of the mark. */
    public static final String NAMESPACE = "https://agentvm.dev/libvirt/1";

    /** The prefix it is written with. */
    public static final String PREFIX = "agentvm";

    static final String ELEMENT = "owner";

    /** Who launched it. */
    @XmlAttribute
    public @Nullable String id;

    /** The number of the user whose program launched it. */
    @XmlAttribute
    public @Nullable Long user;

    /** The name of the template it was launched from. */
    @XmlAttribute
    public @Nullable String template;

    @XmlAttribute
    @XmlJavaTypeAdapter(InstantAdapter.class)
    public @Nullable Instant created;

    /** When its time to live ends. */
    @XmlAttribute
    @XmlJavaTypeAdapter(InstantAdapter.class)
    public @Nullable Instant expires;

    @XmlElement(name = "label", namespace = NAMESPACE)
    public List<Label> labels = new ArrayList<>();

    /** Whom the VM may ask for names, where its network does not tell. */
    @XmlElement(name = "resolver", namespace = NAMESPACE)
    public List<String> resolvers = new ArrayList<>();

    /** Adds a label. */
    public OwnerXml label(String name, String value) {
        Label label = new Label();
        label.name = name;
        label.value = value;
        labels.add(label);
        return this;
    }

    /** The labels that have a name, in their order; of two with the same name the later. */
    public Map<String, String> labelMap() {
        Map<String, String> map = new LinkedHashMap<>();
        for (Label label : labels) {
            if (label.name != null) {
                map.put(label.name, label.value == null ? "" : label.value);
            }
        }
        return map;
    }

    /** A label of the template. */
    @XmlType(name = "owner.label")
    public static final class Label {
        @XmlAttribute
        public @Nullable String name;

        @XmlValue
        public @Nullable String value;
    }
}
