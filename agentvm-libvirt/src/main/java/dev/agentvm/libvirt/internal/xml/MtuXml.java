package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import org.jspecify.annotations.Nullable;

/** {@code <mtu size='…'/>} of an interface or a network. */
public final class MtuXml {
    /** Bytes. */
    @XmlAttribute
    public @Nullable Integer size;

    /** So many bytes. */
    public static MtuXml of(int size) {
        MtuXml mtu = new MtuXml();
        mtu.size = size;
        return mtu;
    }
}
