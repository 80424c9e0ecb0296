/** An audit log of what happens to VMs. */
@NullMarked
package dev.agentvm.monitor.audit;

import org.jspecify.annotations.NullMarked;
