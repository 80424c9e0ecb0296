/** Generators of policies and flows, and the laws that hold for all of them. Needs jqwik on the test's class path. */
@NullMarked
package dev.agentvm.testkit.laws;

import org.jspecify.annotations.NullMarked;
