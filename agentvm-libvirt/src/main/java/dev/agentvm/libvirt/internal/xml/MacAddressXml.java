package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import org.jspecify.annotations.Nullable;

/** {@code <mac address='…'/>}. */
public final class MacAddressXml {
    @XmlAttribute
    public @Nullable String address;

    /** That address. */
    public static MacAddressXml of(String address) {
        MacAddressXml mac = new MacAddressXml();
        mac.address = address;
        return mac;
    }
}
