/** Generators of values for property-based tests. */
@NullMarked
package dev.agentvm.testkit;

import org.jspecify.annotations.NullMarked;
