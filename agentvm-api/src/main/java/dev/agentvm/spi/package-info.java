/**
 * For those who implement {@link dev.agentvm.Hypervisor}: how it is found by programs that must not depend on it, and
 * what implementations have in common.
 */
@NullMarked
package dev.agentvm.spi;

import org.jspecify.annotations.NullMarked;
