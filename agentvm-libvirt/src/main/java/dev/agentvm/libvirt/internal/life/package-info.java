/** What outlives the program: a small process that cleans up after it. */
@NullMarked
package dev.agentvm.libvirt.internal.life;

import org.jspecify.annotations.NullMarked;
