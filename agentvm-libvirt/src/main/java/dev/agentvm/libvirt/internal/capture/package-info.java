/** Where it comes from what VMs do on their networks: frames on their taps, read, joined to exchanges and judged. */
@NullMarked
package dev.agentvm.libvirt.internal.capture;

import org.jspecify.annotations.NullMarked;
