/** What the packages below share. */
@NullMarked
package dev.agentvm.libvirt.internal;

import org.jspecify.annotations.NullMarked;
