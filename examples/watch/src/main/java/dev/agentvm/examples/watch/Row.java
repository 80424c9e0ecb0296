package dev.agentvm.examples.watch;

import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * What is known of a VM. Immutable.
 *
 * @param id its identity
 * @param name its name
 * @param state what it does, in a word
 * @param since when its launch began
 * @param sentPerSecond the bytes it sent each second, as last measured
 * @param receivedPerSecond the bytes it received each second, as last measured
 * @param allowed how many of its attempts were allowed, as far as they were seen
 * @param denied how many of its attempts were denied, as far as they were seen
 * @param alerts how many alerts there were
 * @param partly whether there may be more of these than was seen
 * @param last the last attempt, in words
 */
record Row(
        UUID id,
        String name,
        String state,
        Optional<Instant> since,
        OptionalLong sentPerSecond,
        OptionalLong receivedPerSecond,
        OptionalLong allowed,
        OptionalLong denied,
        OptionalLong alerts,
        boolean partly,
        Optional<String> last) {
    boolean hasAlerts() {
        return alerts.orElse(0) > 0;
    }
}
