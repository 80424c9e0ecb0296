/** A small agent harness: a task, an agent, a VM for it, and its work as a patch. */
@NullMarked
package dev.agentvm.examples.harness;

import org.jspecify.annotations.NullMarked;
