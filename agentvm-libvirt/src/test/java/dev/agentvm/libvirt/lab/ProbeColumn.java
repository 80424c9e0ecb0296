package dev.agentvm.libvirt.lab;

import dev.agentvm.network.DenyAction;

/** A state in which probes are run. */
enum ProbeColumn {
    UNFILTERED("no filter", Card.UNFILTERED, DenyAction.DROP, "1"),
    REJECT("REJECT", Card.FILTERED, DenyAction.REJECT, "1"),
    DROP("DROP", Card.FILTERED, DenyAction.DROP, "1"),
    ISOLATED("ISOLATED", Card.NONE, DenyAction.REJECT, "1"),
    UNFILTERED_BLIND("no filter, nf 0", Card.UNFILTERED, DenyAction.DROP, "0"),
    REJECT_BLIND("REJECT, nf 0", Card.FILTERED, DenyAction.REJECT, "0"),
    DROP_BLIND("DROP, nf 0", Card.FILTERED, DenyAction.DROP, "0"),
    ISOLATED_BLIND("ISOLATED, nf 0", Card.NONE, DenyAction.REJECT, "0");

    /** The network card of the VM that is probed. */
    enum Card {
        /** What passes here shows that a probe can. */
        UNFILTERED,
        FILTERED,
        NONE
    }

    private final String text;
    private final Card card;
    private final DenyAction denied;
    private final String bridgeNetfilter;

    ProbeColumn(String text, Card card, DenyAction denied, String bridgeNetfilter) {
        this.text = text;
        this.card = card;
        this.denied = denied;
        this.bridgeNetfilter = bridgeNetfilter;
    }

    Card card() {
        return card;
    }

    DenyAction denied() {
        return denied;
    }

    /** Whether iptables sees what is bridged. If it does, the kernel gathers fragments before it lets them on. */
    boolean gathersFragments() {
        return bridgeNetfilter.equals("1");
    }

    /** Whether what is denied is refused, and so judged by layer 3. */
    boolean refuses() {
        return denied == DenyAction.REJECT && gathersFragments();
    }

    /** Where the same probes are run without a filter. */
    ProbeColumn control() {
        return gathersFragments() ? UNFILTERED : UNFILTERED_BLIND;
    }

    /** Sets the host to it while {@code body} runs. */
    void with(Lab.Body body) throws Exception {
        Lab.withSysctl("net.bridge.bridge-nf-call-iptables", bridgeNetfilter, body);
    }

    @Override
    public String toString() {
        return text;
    }
}
