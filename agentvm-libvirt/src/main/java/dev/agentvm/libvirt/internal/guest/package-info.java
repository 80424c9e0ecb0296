/**
 * Commands in the guest, over the QEMU guest agent's own protocol: {@link
 * dev.agentvm.libvirt.internal.guest.GuestAgent#exec}. Knows nothing of libvirt; all it needs is an {@link
 * dev.agentvm.libvirt.internal.guest.AgentChannel}.
 *
 * <p>The protocol (QEMU's {@code qga/qapi-schema.json}) starts programs and reports their end, and reads and writes
 * files. It has no working directory, process group, signal or stream. So a few lines of POSIX shell go along with each
 * command: they set these up and then become the command, so that the agent itself learns how it ended. Output goes to
 * files in a private directory of the guest, which are read in small pieces and then removed.
 */
@NullMarked
package dev.agentvm.libvirt.internal.guest;

import org.jspecify.annotations.NullMarked;
