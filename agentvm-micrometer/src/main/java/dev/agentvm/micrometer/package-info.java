/** Metrics for Micrometer. */
@NullMarked
package dev.agentvm.micrometer;

import org.jspecify.annotations.NullMarked;
