/** What cloud-init finds at its first boot: the documents of its NoCloud source, and the disk that holds them. */
@NullMarked
package dev.agentvm.libvirt.internal.seed;

import org.jspecify.annotations.NullMarked;
