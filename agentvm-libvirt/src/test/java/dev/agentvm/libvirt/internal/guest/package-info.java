@NullMarked
package dev.agentvm.libvirt.internal.guest;

import org.jspecify.annotations.NullMarked;
