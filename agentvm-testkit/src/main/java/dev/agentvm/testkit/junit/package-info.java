/**
 * JUnit tests that are given a hypervisor and VMs: fakes, or, by one switch, real ones. Needs JUnit Jupiter 5.13 or later on
 * the test's class path.
 */
@NullMarked
package dev.agentvm.testkit.junit;

import org.jspecify.annotations.NullMarked;
