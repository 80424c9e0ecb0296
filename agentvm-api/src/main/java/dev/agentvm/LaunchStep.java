package dev.agentvm;

/** The steps of a launch, in their order. */
public enum LaunchStep {
    /** The host can keep every promise of the template. */
    HOST_CHECKED,
    /** The network is there; it was made if this is its first use. */
    NETWORK_READY,
    /** A MAC and an IP address are reserved; on a bridge without a fixed address, the IP address is still to be learnt. */
    ADDRESS_RESERVED,
    /** The VM's own disk is made. */
    DISK_MADE,
    /** The policy is defined on the host. */
    POLICY_DEFINED,
    /** The VM exists, paused before its first instruction. */
    DOMAIN_CREATED,
    /** The policy was found in force on the VM's network card. */
    POLICY_VERIFIED,
    /** The guest runs. */
    RESUMED,
    /** The guest agent answers; an address that had to be learnt is known, and the policy in force for it. */
    AGENT_READY
}
