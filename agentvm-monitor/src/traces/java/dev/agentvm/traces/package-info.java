/** What VMs did, kept as small files: agentvm-libvirt's tests record them, agentvm-monitor's play them. */
@NullMarked
package dev.agentvm.traces;

import org.jspecify.annotations.NullMarked;
