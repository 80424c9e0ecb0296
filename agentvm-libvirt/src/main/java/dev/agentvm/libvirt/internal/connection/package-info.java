/**
 * libvirt behind one interface, {@link dev.agentvm.libvirt.internal.connection.Libvirt}: threads, connections, events,
 * errors. What goes in and out are UUIDs, names, XML and small records; no handle of libvirt ever leaves.
 *
 * <p>libvirt keeps the last error per operating-system thread, so every native call runs on a platform thread that this
 * package owns, and looks its object up, uses it and frees it on that one thread. Callers may be threads of any kind.
 */
@NullMarked
package dev.agentvm.libvirt.internal.connection;

import org.jspecify.annotations.NullMarked;
