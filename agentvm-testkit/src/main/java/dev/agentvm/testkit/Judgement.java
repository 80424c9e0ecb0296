package dev.agentvm.testkit;

import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** What becomes of one packet, and why, rule by rule. Immutable, safe for use by many threads. */
public final class Judgement {
    /** What becomes of the packet. */
    public enum Outcome {
        /** It reaches the other side. */
        ACCEPTED,
        /** It is discarded, and the sender is told by an ICMP "port unreachable", where ICMP allows an answer. */
        REJECTED,
        /** It is discarded in silence. */
        DROPPED
    }

    /**
     * One rule, or one hook of the kernel, that the packet met.
     *
     * @param engine {@code ebtables}, {@code iptables} or {@code ip6tables}; {@code conntrack} and {@code kernel} for
     *     what happens between the rules
     * @param chain the chain by the name it has once the filter is in force
     * @param priority the priority of the rule in the filter, after libvirt's own adjustments; empty for what libvirt
     *     adds
     * @param rule the rule as libvirt hands it to the tool, without the chain
     * @param matched whether the packet is one that the rule means
     * @param reason why it matched or not, and which quirk of libvirt's made the rule what it is
     * @param target what the rule said to do, empty if it did not match
     */
    public record Step(
            String engine,
            String chain,
            OptionalInt priority,
            String rule,
            boolean matched,
            String reason,
            String target) {
        @Override
        public String toString() {
            String line = engine + " " + chain + (priority.isPresent() ? " [" + priority.getAsInt() + "]" : "") + ": "
                    + rule + (matched ? " => " + (target.isEmpty() ? "matched" : target) : " (no match)");
            return reason.isEmpty() ? line : line + ": " + reason;
        }
    }

    private final Packet packet;
    private final Outcome outcome;
    private final List<Step> steps;
    private final boolean answered;

    Judgement(Packet packet, Outcome outcome, boolean answered, List<Step> steps) {
        this.packet = packet;
        this.outcome = outcome;
        this.answered = answered;
        this.steps = List.copyOf(steps);
    }

    /** The packet that was judged. */
    public Packet packet() {
        return packet;
    }

    /** What becomes of it. */
    public Outcome outcome() {
        return outcome;
    }

    /** Shorthand for {@code outcome() == ACCEPTED}. */
    public boolean accepted() {
        return outcome == Outcome.ACCEPTED;
    }

    /**
     * Whether the kernel answers a rejected packet. It answers no ICMP but queries and their replies, nothing sent to a
     * group, no fragment but the first, and nothing whose checksum is wrong, which no {@link Packet}'s is.
     */
    public boolean answered() {
        return answered;
    }

    /** Every rule and hook that the packet met, in order. */
    public List<Step> steps() {
        return steps;
    }

    /** The packet, the steps and the outcome, one per line. */
    public String explanation() {
        StringBuilder text = new StringBuilder(packet.toString());
        for (Step step : steps) {
            text.append("\n  ").append(step);
        }
        return text.append("\n  => ").append(outcome).toString();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Judgement that
                && packet.equals(that.packet)
                && outcome == that.outcome
                && answered == that.answered
                && steps.equals(that.steps);
    }

    @Override
    public int hashCode() {
        return Objects.hash(packet, outcome, steps);
    }

    @Override
    public String toString() {
        return outcome + ": " + packet;
    }
}
