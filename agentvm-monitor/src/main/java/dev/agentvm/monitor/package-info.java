/** Detectors over the events of VMs, and responses to what they find. */
@NullMarked
package dev.agentvm.monitor;

import org.jspecify.annotations.NullMarked;
