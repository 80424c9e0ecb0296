/** What a VM may reach: modes, policies, rules, and pure decisions about flows. */
@NullMarked
package dev.agentvm.network;

import org.jspecify.annotations.NullMarked;
