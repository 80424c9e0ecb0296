/** What several packages of this module share. */
@NullMarked
package dev.agentvm.monitor.internal;

import org.jspecify.annotations.NullMarked;
