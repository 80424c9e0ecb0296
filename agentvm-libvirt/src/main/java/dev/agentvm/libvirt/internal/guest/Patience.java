package dev.agentvm.libvirt.internal.guest;

import java.time.Duration;

/**
 * How long a guest is waited for.
 *
 * @param call for one call of the agent, its turn included: a guest under load takes seconds
 * @param silence how long a running command's agent may give no answer, before the command is lost
 * @param ending how long after a started command's end its streams may take to end, not counting the time in which it is
 *     their reader who is waited for
 */
record Patience(Duration call, Duration silence, Duration ending) {
    static Patience usual() {
        return new Patience(Duration.ofSeconds(30), Duration.ofMinutes(1), Duration.ofSeconds(30));
    }

    Patience withCall(Duration value) {
        return new Patience(value, silence, ending);
    }

    Patience withSilence(Duration value) {
        return new Patience(call, value, ending);
    }

    Patience withEnding(Duration value) {
        return new Patience(call, silence, value);
    }
}
