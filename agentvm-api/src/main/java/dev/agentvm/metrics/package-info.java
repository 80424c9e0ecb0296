/** What is measured, and who is given it. */
@NullMarked
package dev.agentvm.metrics;

import org.jspecify.annotations.NullMarked;
