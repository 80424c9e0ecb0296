/** The service by which programs without the right to open packet sockets read the taps of their own VMs. */
@NullMarked
package dev.agentvm.libvirt.internal.flowlog;

import org.jspecify.annotations.NullMarked;
