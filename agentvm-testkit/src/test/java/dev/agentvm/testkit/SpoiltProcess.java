package dev.agentvm.testkit;

import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.VMProcess;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A process like another, but for what a subclass gets wrong. */
class SpoiltProcess implements VMProcess {
    private final VMProcess right;

    SpoiltProcess(VMProcess right) {
        this.right = right;
    }

    @Override
    public Command command() {
        return right.command();
    }

    @Override
    public InputStream stdout() {
        return right.stdout();
    }

    @Override
    public InputStream stderr() {
        return right.stderr();
    }

    @Override
    public OutputStream stdin() {
        return right.stdin();
    }

    @Override
    public boolean isAlive() {
        return right.isAlive();
    }

    @Override
    public ExitStatus waitFor() {
        return right.waitFor();
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        return right.waitFor(timeout);
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        return right.onExit();
    }

    @Override
    public void signal(int number) {
        right.signal(number);
    }

    @Override
    public void kill() {
        right.kill();
    }

    @Override
    public void close() {
        right.close();
    }
}
