/** Serves what is measured of VMs to Prometheus. */
@NullMarked
package dev.agentvm.examples.metrics;

import org.jspecify.annotations.NullMarked;
