package dev.agentvm.examples.harness;

import java.util.List;
import java.util.Optional;

/** Decides what is done next. A real one asks a language model. */
@FunctionalInterface
public interface Agent {
    /**
     * The next command for the guest's shell; empty if the agent has done what it can.
     *
     * @param task what it was asked
     * @param done its commands so far, with what came of them
     */
    Optional<String> next(Task task, List<Step> done);
}
