/** What happens to VMs, as events: immutable values, and how a program listens to them. */
@NullMarked
package dev.agentvm.event;

import org.jspecify.annotations.NullMarked;
