package dev.agentvm.network;

/** What happens to traffic that no rule of a policy allows. */
public enum DenyAction {
    /**
     * TCP to a public address is refused at once, so that programs in the VM fail quickly instead of waiting; so is
     * ICMP other than an echo request, where a rule allows those. All else is dropped, as is everything that the floor
     * denies. Needs a host that hands bridged traffic to iptables; where it
     * does not, the VM gets {@link #DROP} and {@code VM.warnings()} says so. While libvirt applies any VM's filter, TCP
     * segments without a connection can leave to public addresses; no connection comes about.
     */
    REJECT,
    /**
     * Everything denied vanishes without an answer. The strictest and cheapest form for all but ICMP: it is enforced at
     * layer 2 alone, which tells no ICMP types apart, so all of them pass wherever a rule allows pings.
     */
    DROP
}
