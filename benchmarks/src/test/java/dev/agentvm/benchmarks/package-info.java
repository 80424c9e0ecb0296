@NullMarked
package dev.agentvm.benchmarks;

import org.jspecify.annotations.NullMarked;
