package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import org.jspecify.annotations.Nullable;

/** {@code <bandwidth>} of an interface or a network. Inbound is towards the guest. */
public final class BandwidthXml {
    public @Nullable Limit inbound;
    public @Nullable Limit outbound;

    /** One direction. */
    public static final class Limit {
        /** Kilobytes (not bits) per second. */
        @XmlAttribute
        public @Nullable Long average;

        /** Kilobytes per second while a burst lasts; libvirt ignores it outbound. */
        @XmlAttribute
        public @Nullable Long peak;

        /** Kilobytes that may pass at peak speed. */
        @XmlAttribute
        public @Nullable Long burst;
    }
}
