package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAttribute;
import org.jspecify.annotations.Nullable;

/** {@code <format type='…'/>} of a disk image. */
public final class FormatXml {
    /** {@code qcow2}, {@code raw}, … */
    @XmlAttribute
    public @Nullable String type;

    /** That format. */
    public static FormatXml of(String type) {
        FormatXml format = new FormatXml();
        format.type = type;
        return format;
    }
}
