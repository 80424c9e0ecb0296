package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * When a VM's time to live ends, and when one with an idle timeout was last used, in libvirt's metadata. It stands beside the owner mark, in a namespace of
 * its own, since libvirt replaces the element of a namespace as a whole. Written it has no namespace: libvirt adds that.
 */
@XmlRootElement(name = ActivityXml.ELEMENT)
public final class ActivityXml {
    /** The namespace of the element. */
    public static final String NAMESPACE = "https://agentvm.dev/libvirt/activity/1";

    /** The prefix it is written with. */
    public static final String PREFIX = "agentvm-activity";

    static final String ELEMENT = "activity";

    /** When its time to live ends, which begins when its launch is complete: that of the owner mark is the latest. */
    @XmlAttribute
    @XmlJavaTypeAdapter(InstantAdapter.class)
    public @Nullable Instant expires;

    /** How long the VM may be idle. */
    @XmlAttribute
    @XmlJavaTypeAdapter(DurationAdapter.class)
    public @Nullable Duration timeout;

    /** When it was last known to be used, by the host's wall clock. */
    @XmlAttribute
    @XmlJavaTypeAdapter(InstantAdapter.class)
    public @Nullable Instant used;
}
