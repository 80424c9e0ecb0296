/** Reports of what a VM did, for people. */
@NullMarked
package dev.agentvm.monitor.report;

import org.jspecify.annotations.NullMarked;
