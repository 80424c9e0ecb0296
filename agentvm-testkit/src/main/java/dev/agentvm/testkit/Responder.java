package dev.agentvm.testkit;

import dev.agentvm.Command;

/** Answers commands in a fake guest. Called on the thread that runs the command; what it throws, the command throws. */
@FunctionalInterface
public interface Responder {
    /**
     * Plays the program.
     *
     * @param command what is run
     * @param vm where, for its files and its network
     */
    Reply reply(Command command, FakeVM vm);
}
