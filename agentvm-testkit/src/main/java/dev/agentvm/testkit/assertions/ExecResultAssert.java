package dev.agentvm.testkit.assertions;

import dev.agentvm.ExecResult;
import java.util.OptionalInt;
import org.assertj.core.api.AbstractAssert;
import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.Assertions;

/** Assertions about how a command ended. Messages have the end of what it wrote. Not thread-safe. */
public final class ExecResultAssert extends AbstractAssert<ExecResultAssert, ExecResult> {
    private static final int SHOWN = 2000;

    ExecResultAssert(ExecResult actual) {
        super(actual, ExecResultAssert.class);
    }

    /** It returned 0. */
    public ExecResultAssert succeeds() {
        return exitsWith(0);
    }

    /** It returned something else than 0, or a signal ended it. */
    public ExecResultAssert fails() {
        isNotNull();
        if (actual.success()) {
            failBut("to fail");
        }
        return this;
    }

    /** It returned {@code code}. */
    public ExecResultAssert exitsWith(int code) {
        isNotNull();
        if (!actual.exitCode().equals(OptionalInt.of(code))) {
            failBut("to return " + code);
        }
        return this;
    }

    /** The signal of that number ended it. */
    public ExecResultAssert endsBySignal(int number) {
        isNotNull();
        if (!actual.signal().equals(OptionalInt.of(number))) {
            failBut("to be ended by signal " + number);
        }
        return this;
    }

    /** One line of its standard output is exactly {@code line}. */
    public ExecResultAssert printsLine(String line) {
        isNotNull();
        if (actual.stdoutText().lines().noneMatch(line::equals)) {
            failBut("to print the line '" + line + "'");
        }
        return this;
    }

    /** Goes on about its standard output, in UTF-8. */
    public AbstractStringAssert<?> stdout() {
        isNotNull();
        return Assertions.assertThat(actual.stdoutText()).as("standard output");
    }

    /** Goes on about its standard error, in UTF-8. */
    public AbstractStringAssert<?> stderr() {
        isNotNull();
        return Assertions.assertThat(actual.stderrText()).as("standard error");
    }

    private void failBut(String expectation) {
        String end = actual.signal().isPresent()
                ? "was ended by signal " + actual.signal().getAsInt()
                : "returned " + actual.exitCode().orElseThrow();
        failWithMessage(
                "%nExpecting the command %s, but it %s.%nStandard output:%n%s%nStandard error:%n%s",
                expectation, end, tail(actual.stdoutText()), tail(actual.stderrText()));
    }

    private static String tail(String text) {
        return text.substring(Math.max(0, text.length() - SHOWN));
    }
}
