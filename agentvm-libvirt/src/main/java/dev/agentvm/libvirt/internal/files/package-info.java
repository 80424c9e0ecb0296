/**
 * The files of a guest: {@link dev.agentvm.libvirt.internal.files.CommandFiles}, over commands in the guest; trees go as tar
 * streams. What comes from a guest is written by {@link dev.agentvm.libvirt.internal.files.TreeWriter}, which nothing leads
 * out of its directory. Knows nothing of libvirt and of how commands are run.
 */
@NullMarked
package dev.agentvm.libvirt.internal.files;

import org.jspecify.annotations.NullMarked;
