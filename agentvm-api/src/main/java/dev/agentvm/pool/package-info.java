/** Warm VMs: a pool launches them before they are needed, and lends each to one caller. */
@NullMarked
package dev.agentvm.pool;

import org.jspecify.annotations.NullMarked;
