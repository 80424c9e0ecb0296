@NullMarked
package dev.agentvm.libvirt.internal.domain;

import org.jspecify.annotations.NullMarked;
