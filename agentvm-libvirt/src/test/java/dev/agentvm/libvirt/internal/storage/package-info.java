@NullMarked
package dev.agentvm.libvirt.internal.storage;

import org.jspecify.annotations.NullMarked;
