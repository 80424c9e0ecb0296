package dev.agentvm.testkit;

import dev.agentvm.Command;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * What a fake guest answers to certain commands. Several answers are given one after the other, the last one from then on.
 * As long as it has no answer, it answers nothing. Safe for use by many threads.
 */
public final class ExecScript {
    private final CommandMatcher matcher;
    private final List<Responder> answers = new CopyOnWriteArrayList<>();
    private final AtomicInteger asked = new AtomicInteger();

    ExecScript(CommandMatcher matcher) {
        this.matcher = Objects.requireNonNull(matcher, "matcher");
    }

    /** It returns 0 and writes {@code stdout}. */
    public ExecScript thenReturn(String stdout) {
        return thenReturn(Reply.text(stdout));
    }

    /** It ends as {@code reply} says. */
    public ExecScript thenReturn(Reply reply) {
        Objects.requireNonNull(reply, "reply");
        return thenAnswer((command, vm) -> reply);
    }

    /** It returns {@code code}, 0 to 255, and writes {@code stderr}. */
    public ExecScript thenFail(int code, String stderr) {
        return thenReturn(Reply.exit(code).withStderr(stderr));
    }

    /** It never ends: its timeout is what it runs into. */
    public ExecScript thenHang() {
        return thenReturn(Reply.hang());
    }

    /** It copies its standard input to its standard output, and returns 0 when that has ended. */
    public ExecScript thenEcho() {
        return thenReturn(Reply.echo());
    }

    /** The call throws what {@code failure} makes. */
    public ExecScript thenThrow(Supplier<? extends RuntimeException> failure) {
        Objects.requireNonNull(failure, "failure");
        return thenAnswer((command, vm) -> {
            throw failure.get();
        });
    }

    /** It does what {@code responder} does. */
    public ExecScript thenAnswer(Responder responder) {
        answers.add(Objects.requireNonNull(responder, "responder"));
        return this;
    }

    boolean matches(Command command) {
        return !answers.isEmpty() && matcher.matches(command);
    }

    Responder next() {
        int last = answers.size() - 1;
        return answers.get(Math.min(asked.getAndUpdate(count -> Math.min(count + 1, Integer.MAX_VALUE - 1)), last));
    }

    /** Scripts in the order in which they are asked: the newest first. */
    static final class Book {
        private final List<ExecScript> scripts = new CopyOnWriteArrayList<>();

        ExecScript add(CommandMatcher matcher) {
            ExecScript script = new ExecScript(matcher);
            scripts.add(0, script);
            return script;
        }

        Optional<Responder> find(Command command) {
            return scripts.stream()
                    .filter(script -> script.matches(command))
                    .findFirst()
                    .map(ExecScript::next);
        }
    }
}
