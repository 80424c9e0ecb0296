/** AssertJ's assertions for policies, VMs and results of commands. Needs AssertJ on the test's class path. */
@NullMarked
package dev.agentvm.testkit.assertions;

import org.jspecify.annotations.NullMarked;
