@NullMarked
package dev.agentvm.libvirt.internal.files;

import org.jspecify.annotations.NullMarked;
