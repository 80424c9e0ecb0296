/** Shows what VMs do, in a terminal, while they do it. */
@NullMarked
package dev.agentvm.examples.watch;

import org.jspecify.annotations.NullMarked;
