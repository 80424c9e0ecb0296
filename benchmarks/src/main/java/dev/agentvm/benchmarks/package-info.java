/** What the library costs, measured against what it is made on. Nothing here is published. */
@NullMarked
package dev.agentvm.benchmarks;

import org.jspecify.annotations.NullMarked;
