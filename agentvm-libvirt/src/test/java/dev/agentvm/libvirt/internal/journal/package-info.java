@NullMarked
package dev.agentvm.libvirt.internal.journal;

import org.jspecify.annotations.NullMarked;
