package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.VMProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** A command of a guest that is this machine. */
final class LocalProcess implements VMProcess {
    private static final Executor THREADS = task -> new Thread(task, "output").start();

    private final Command command;
    private final Process process;

    private LocalProcess(Command command, Process process) {
        this.command = command;
        this.process = process;
    }

    static LocalProcess start(Command command, Map<String, String> environment) {
        ProcessBuilder builder = new ProcessBuilder(command.argv());
        builder.environment().putAll(environment);
        builder.environment().putAll(command.environment());
        try {
            LocalProcess started = new LocalProcess(command, builder.start());
            if (command.stdin().length > 0) {
                started.stdin().write(command.stdin());
            }
            return started;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static ExecResult exec(Command command, Map<String, String> environment) {
        try (LocalProcess process = start(command.withStdin(), environment)) {
            CompletableFuture<byte[]> errors = CompletableFuture.supplyAsync(() -> all(process.stderr()), THREADS);
            CompletableFuture<byte[]> output = CompletableFuture.supplyAsync(() -> all(process.stdout()), THREADS);
            feed(process.stdin(), command.stdin());
            ExitStatus status = process.waitFor();
            return new ExecResult.Builder()
                    .exitCode(status.exitCode())
                    .signal(status.signal())
                    .stdout(output.join())
                    .stderr(errors.join())
                    .duration(Duration.ZERO)
                    .build();
        }
    }

    private static void feed(OutputStream stdin, byte[] bytes) {
        try (stdin) {
            stdin.write(bytes);
        } catch (IOException e) {
            // It did not want to read.
        }
    }

    private static byte[] all(InputStream stream) {
        try {
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Command command() {
        return command;
    }

    @Override
    public InputStream stdout() {
        return process.getInputStream();
    }

    @Override
    public InputStream stderr() {
        return process.getErrorStream();
    }

    @Override
    public OutputStream stdin() {
        return process.getOutputStream();
    }

    @Override
    public ExitStatus waitFor() {
        return waitFor(Duration.ofMinutes(1)).orElseThrow();
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        try {
            return process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)
                    ? Optional.of(ExitStatus.exited(process.exitValue()))
                    : Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException("interrupted", FailureContext.of("wait"), e);
        }
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        return process.onExit().thenApply(ended -> ExitStatus.exited(ended.exitValue()));
    }

    @Override
    public void signal(int number) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void kill() {
        process.destroyForcibly();
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        kill();
    }
}
