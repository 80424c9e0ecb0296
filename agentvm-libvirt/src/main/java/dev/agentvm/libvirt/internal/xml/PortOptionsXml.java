package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.adapters.XmlJavaTypeAdapter;
import org.jspecify.annotations.Nullable;

/** {@code <port isolated='…'/>} of an interface or a network. */
public final class PortOptionsXml {
    /** Whether the kernel refuses to bridge frames between this port and other isolated ones. */
    @XmlAttribute
    @XmlJavaTypeAdapter(YesNoAdapter.class)
    public @Nullable Boolean isolated;

    /** A port isolated from its like. */
    public static PortOptionsXml isolated() {
        PortOptionsXml port = new PortOptionsXml();
        port.isolated = true;
        return port;
    }
}
