package dev.agentvm.network;

import dev.agentvm.testkit.laws.FilterRuleLaws;

/** Policies of all kinds keep the laws. */
class NetworkPolicyLawsProperties extends FilterRuleLaws {}
