/**
 * The network of the VMs: the libvirt network, the addresses in it, and how a policy is put into force.
 *
 * <p>A policy becomes a filter in two pure steps: {@link dev.agentvm.libvirt.internal.network.FilterCompiler} makes a
 * {@link dev.agentvm.libvirt.internal.network.FilterPlan} of it, and
 * {@link dev.agentvm.libvirt.internal.network.FilterRenderer} writes that as libvirt's XML.
 */
@NullMarked
package dev.agentvm.libvirt.internal.network;

import org.jspecify.annotations.NullMarked;
