package dev.agentvm.testkit.laws;

/** Policies of all kinds keep the laws. */
class AllPoliciesProperties extends FilterRuleLaws {}
