/**
 * libvirt's C functions. The only package that sees JNA and {@code org.libvirt}: connections, the event loop and the
 * error function come from libvirt-java; objects are looked up, used and freed here, on one thread within one call, and
 * a failure is read on the same thread and becomes one {@link dev.agentvm.libvirt.internal.nativeaccess.LibvirtError}.
 *
 * <p>libvirt-java's own object calls are not used: they encode strings in the platform's character set, which under
 * {@code LANG=C} destroys all that is not ASCII; they lose error numbers that they do not know; and the objects that
 * they make for events hold the connection open until the garbage collector finds them.
 */
@NullMarked
package dev.agentvm.libvirt.internal.nativeaccess;

import org.jspecify.annotations.NullMarked;
