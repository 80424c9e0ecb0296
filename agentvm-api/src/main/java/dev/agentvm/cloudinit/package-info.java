/** What cloud-init makes of a guest at its first boot: its name, users, packages, files and commands. */
@NullMarked
package dev.agentvm.cloudinit;

import org.jspecify.annotations.NullMarked;
