/** Images, and the disks that VMs work on. */
@NullMarked
package dev.agentvm.libvirt.internal.storage;

import org.jspecify.annotations.NullMarked;
