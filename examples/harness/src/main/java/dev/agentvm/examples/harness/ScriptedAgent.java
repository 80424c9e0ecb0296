package dev.agentvm.examples.harness;

import java.util.List;
import java.util.Optional;

/** Stands for a language model: takes each line of its instruction for a command, and gives up when one fails. */
public final class ScriptedAgent implements Agent {
    @Override
    public Optional<String> next(Task task, List<Step> done) {
        if (!done.stream().allMatch(step -> step.status().success())) {
            return Optional.empty();
        }
        return task.instruction()
                .lines()
                .filter(line -> !line.isBlank())
                .skip(done.size())
                .findFirst();
    }
}
