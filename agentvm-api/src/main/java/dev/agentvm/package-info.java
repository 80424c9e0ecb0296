/** Virtual machines for coding agents: templates, hypervisors, running VMs, commands. */
@NullMarked
package dev.agentvm;

import org.jspecify.annotations.NullMarked;
