@NullMarked
package dev.agentvm.libvirt.internal.network;

import org.jspecify.annotations.NullMarked;
