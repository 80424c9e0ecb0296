@NullMarked
package dev.agentvm.libvirt.internal.life;

import org.jspecify.annotations.NullMarked;
