package dev.agentvm.libvirt.internal.files;

import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.VMProcess;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A program that says nothing and ends when a test wants. */
record EndingProcess(CompletableFuture<ExitStatus> exit) implements VMProcess {
    @Override
    public Command command() {
        return Command.of("sh");
    }

    @Override
    public InputStream stdout() {
        return InputStream.nullInputStream();
    }

    @Override
    public InputStream stderr() {
        return InputStream.nullInputStream();
    }

    @Override
    public OutputStream stdin() {
        return OutputStream.nullOutputStream();
    }

    @Override
    public ExitStatus waitFor() {
        return exit.join();
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        try {
            return Optional.of(exit.get(timeout.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        return exit;
    }

    @Override
    public void signal(int number) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void kill() {}

    @Override
    public void close() {}
}
