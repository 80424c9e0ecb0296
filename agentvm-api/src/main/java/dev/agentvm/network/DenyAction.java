package dev.agentvm.network;

/** What happens to traffic that no rule of a policy allows. */
public enum DenyAction {
    /**
     * TCP to a public address is refused at once, so that programs in the VM fail quickly instead of waiting; so is
     * ICMP other than an echo request, where a rule allows those. All else is dropped, as is everything that the floor
     * denies. Needs a host that hands bridged traffic to iptables; where it
     * does not, the VM gets {@link #DROP} and {@code VM.warnings()} says so.
     */
    REJECT,
    /** Everything denied vanishes without an answer. The strictest and cheapest form: it is enforced at layer 2 alone. */
    DROP
}
