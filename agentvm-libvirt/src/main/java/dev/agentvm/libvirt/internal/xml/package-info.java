/**
 * libvirt's XML documents as classes, and the one place that reads and writes them.
 *
 * <p>Each document is a class named after its root element ({@link dev.agentvm.libvirt.internal.xml.DomainXml} for
 * {@code <domain>}), its inner elements are nested classes, and what several documents share stands beside them. All of
 * them are plain mutable carriers with public fields: they have no behaviour, and none is safe for use by several
 * threads at once. A field that is {@code null} or an empty list is simply not written.
 *
 * <p>Elements are written in the order in which the fields are declared, which is the order libvirt writes them in.
 */
@NullMarked
@XmlAccessorType(XmlAccessType.FIELD)
package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.XmlAccessType;
import jakarta.xml.bind.annotation.XmlAccessorType;
import org.jspecify.annotations.NullMarked;
