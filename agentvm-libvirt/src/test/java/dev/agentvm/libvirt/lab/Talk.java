package dev.agentvm.libvirt.lab;

import dev.agentvm.Command;
import dev.agentvm.VM;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;

/**
 * What a guest says again and again, and what of it has arrived on the pretend Internet.
 *
 * @param word a word that nobody else says
 */
record Talk(String word) {
    private static final Duration SOON = Duration.ofSeconds(20);

    static Talk ofAFreshWord() {
        return new Talk("word-" + UUID.randomUUID());
    }

    /** Lets the guest say a word ten times a second on one connection. */
    static Talk onOneConnection(VM vm, String address, int port) {
        Talk talk = ofAFreshWord();
        Lab.output(
                vm,
                Command.shell("(while echo " + talk.word + "; do sleep 0.1; done) | nc " + address + " " + port
                        + " >/dev/null 2>&1 &"));
        return talk;
    }

    /** A line for each time. */
    List<String> arrived() {
        return Lab.arrived(word);
    }

    /** Waits until it has arrived so many times more. */
    void awaitMore(int more) {
        int before = arrived().size();
        Awaitility.await().atMost(SOON).until(() -> arrived().size() >= before + more);
    }
}
