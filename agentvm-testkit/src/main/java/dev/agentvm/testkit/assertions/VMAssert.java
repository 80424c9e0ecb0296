package dev.agentvm.testkit.assertions;

import dev.agentvm.Command;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import org.assertj.core.api.AbstractAssert;

/** Assertions about a VM. Messages have why it is gone, and the end of its serial console. Not thread-safe. */
public final class VMAssert extends AbstractAssert<VMAssert, VM> {
    private static final int SHOWN = 2000;

    VMAssert(VM actual) {
        super(actual, VMAssert.class);
    }

    /** Its guest runs. */
    public VMAssert isRunning() {
        return is(VMState.RUNNING);
    }

    /** It is gone for good. */
    public VMAssert isGone() {
        return is(VMState.DESTROYED);
    }

    /** It has a network. */
    public VMAssert hasNetwork() {
        isNotNull();
        if (actual.attachment().isEmpty()) {
            failWithMessage("%nExpecting VM '%s' to have a network, but it has none", actual.name());
        }
        return this;
    }

    /** It has no network at all. */
    public VMAssert hasNoNetwork() {
        isNotNull();
        actual.attachment()
                .ifPresent(attachment -> failWithMessage(
                        "%nExpecting VM '%s' to have no network, but it is attached as%n  %s",
                        actual.name(), attachment));
        return this;
    }

    /** Its host keeps every promise in full. */
    public VMAssert hasNoWarnings() {
        isNotNull();
        if (!actual.warnings().isEmpty()) {
            failWithMessage(
                    "%nExpecting VM '%s' to have no warnings, but it has%n  %s", actual.name(), actual.warnings());
        }
        return this;
    }

    /** Runs a program in it, and goes on about the result. */
    public ExecResultAssert exec(String program, String... arguments) {
        return exec(Command.of(program, arguments));
    }

    /** Runs a command in it, and goes on about the result. */
    public ExecResultAssert exec(Command command) {
        isNotNull();
        return new ExecResultAssert(actual.exec(command))
                .as("'%s' in VM '%s'", String.join(" ", command.argv()), actual.name());
    }

    private VMAssert is(VMState expected) {
        isNotNull();
        VMState state = actual.state();
        if (state != expected) {
            String log = actual.serialLog();
            failWithMessage(
                    "%nExpecting VM '%s' to be %s, but it is %s%s.%nThe end of its serial console:%n%s",
                    actual.name(),
                    expected,
                    state,
                    actual.endReason().map(reason -> ": " + reason).orElse(""),
                    log.substring(Math.max(0, log.length() - SHOWN)));
        }
        return this;
    }
}
