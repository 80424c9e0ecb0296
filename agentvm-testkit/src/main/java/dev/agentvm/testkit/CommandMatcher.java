package dev.agentvm.testkit;

import dev.agentvm.Command;
import java.util.List;

/** Says which commands a script answers. Asked by the threads that run commands, several at once. */
@FunctionalInterface
public interface CommandMatcher {
    /** Whether it is such a command. */
    boolean matches(Command command);

    /** Every command. */
    static CommandMatcher any() {
        return command -> true;
    }

    /** The program and exactly these arguments. */
    static CommandMatcher argv(String... argv) {
        List<String> wanted = List.of(argv);
        return command -> command.argv().equals(wanted);
    }

    /** The program and these arguments first. */
    static CommandMatcher startsWith(String... argv) {
        List<String> wanted = List.of(argv);
        return command -> command.argv().size() >= wanted.size()
                && command.argv().subList(0, wanted.size()).equals(wanted);
    }

    /** The program with any arguments; a name without a slash matches it in every directory. */
    static CommandMatcher program(String name) {
        return command -> {
            String program = command.argv().get(0);
            return program.equals(name) || (!name.contains("/") && program.endsWith("/" + name));
        };
    }

    /** What {@link Command#shell} makes of {@code script}. */
    static CommandMatcher shell(String script) {
        List<String> wanted = Command.shell(script).argv();
        return command -> command.argv().equals(wanted);
    }
}
