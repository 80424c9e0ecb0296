/** Virtual machines for coding agents on libvirt and QEMU. */
@NullMarked
package dev.agentvm.libvirt;

import org.jspecify.annotations.NullMarked;
