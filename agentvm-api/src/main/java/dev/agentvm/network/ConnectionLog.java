package dev.agentvm.network;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a VM tried on its network and what reached it there, attempt by attempt. Immutable, safe for use by many threads.
 *
 * <p>An attempt is the beginning of a TCP connection, the first packet of an exchange by UDP or ICMP, and every other kind
 * of frame that the policy denies, each once a minute as long as it goes on. What is part of an exchange that has an
 * attempt of its own is none.
 *
 * @param attempts the latest, in the order in which they were seen
 * @param forgotten how many earlier ones are no longer kept
 * @param lost how many frames went by unread because there were too many of them; attempts among them are missing
 * @param limitation why this is not everything, in words; empty if nothing but what is counted as forgotten and lost is
 *     missing
 */
public record ConnectionLog(List<ConnectionAttempt> attempts, long forgotten, long lost, Optional<String> limitation) {
    /** The most attempts that are kept of a VM. */
    public static final int MAX_ATTEMPTS = 1000;

    /** Copies the list. */
    public ConnectionLog {
        attempts = List.copyOf(attempts);
    }

    /** A log without attempts, for that reason; of a VM without a network for none. */
    public static ConnectionLog empty(Optional<String> limitation) {
        return new ConnectionLog(List.of(), 0, 0, limitation);
    }

    /** The same with one attempt more, for which the earliest is forgotten if there are as many as are kept. */
    public ConnectionLog plus(ConnectionAttempt attempt) {
        List<ConnectionAttempt> more = new ArrayList<>(attempts);
        more.add(attempt);
        int excess = Math.max(0, more.size() - MAX_ATTEMPTS);
        return new ConnectionLog(more.subList(excess, more.size()), forgotten + excess, lost, limitation);
    }

    /** The same with so many frames more that went by unread. */
    public ConnectionLog plusLost(long frames) {
        return frames == 0 ? this : new ConnectionLog(attempts, forgotten, lost + frames, limitation);
    }

    /** The same, which is not everything for that reason. */
    public ConnectionLog limitedBy(String reason) {
        return new ConnectionLog(attempts, forgotten, lost, Optional.of(reason));
    }

    /** A line for each attempt, and one for all that is missing. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        limitation.ifPresent(why -> text.append("not complete: ").append(why).append('\n'));
        if (forgotten > 0) {
            text.append(forgotten).append(" earlier attempts are not kept\n");
        }
        if (lost > 0) {
            text.append(lost).append(" frames went by unread\n");
        }
        attempts.forEach(attempt -> text.append(attempt).append('\n'));
        return text.toString();
    }
}
