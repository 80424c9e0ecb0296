@NullMarked
package dev.agentvm.libvirt.internal.seed;

import org.jspecify.annotations.NullMarked;
