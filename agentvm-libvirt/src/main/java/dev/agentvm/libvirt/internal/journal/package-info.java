/** What launches make, written down before it is made, so that nothing outlives a program that dies. */
@NullMarked
package dev.agentvm.libvirt.internal.journal;

import org.jspecify.annotations.NullMarked;
