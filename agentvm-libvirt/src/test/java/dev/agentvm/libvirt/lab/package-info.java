/** Stories on real guests, a real libvirt and a pretend Internet. They run in the lab alone. */
@NullMarked
package dev.agentvm.libvirt.lab;

import org.jspecify.annotations.NullMarked;
