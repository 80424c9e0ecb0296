/** How an implementation of {@link dev.agentvm.Hypervisor} is found by those that must not depend on it. */
@NullMarked
package dev.agentvm.spi;

import org.jspecify.annotations.NullMarked;
