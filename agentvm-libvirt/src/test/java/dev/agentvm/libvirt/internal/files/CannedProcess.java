package dev.agentvm.libvirt.internal.files;

import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.VMProcess;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A program that says what a test wants. */
record CannedProcess(InputStream stdout, String errors, ExitStatus status) implements VMProcess {
    @Override
    public Command command() {
        return Command.of("tar");
    }

    @Override
    public InputStream stderr() {
        return new ByteArrayInputStream(errors.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public OutputStream stdin() {
        return OutputStream.nullOutputStream();
    }

    @Override
    public ExitStatus waitFor() {
        return status;
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        return Optional.of(status);
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        return CompletableFuture.completedFuture(status);
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
