package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VMProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A command that runs in a fake VM as its reply says. */
final class FakeProcess implements VMProcess {
    /** What they do by default is nothing, or to stop or continue. */
    private static final Set<Integer> HARMLESS = Set.of(17, 18, 19, 20, 21, 22, 23, 28);

    private final VirtualTime time;
    private final Machine machine;
    private final Command command;
    private final long pid;
    private final Reply reply;
    private final Consumer<ExitStatus> onEnd;
    private final FakePipe stdout;
    private final FakePipe stderr;
    private final Input stdin = new Input();
    private final AtomicBoolean ended = new AtomicBoolean();
    private final Exit exit;
    /** For how long it has still to run, and since when it does. */
    private Duration left;

    private Instant runsSince;
    private VirtualTime.@Nullable Timer work;
    private VirtualTime.@Nullable Timer deadline;
    private volatile boolean done;

    private FakeProcess(
            VirtualTime time, Machine machine, Command command, long pid, Reply reply, Consumer<ExitStatus> onEnd) {
        this.time = time;
        this.machine = machine;
        this.command = command;
        this.pid = pid;
        this.reply = reply;
        this.onEnd = onEnd;
        this.stdout = new FakePipe(time, reply.isEndless(), this::goOn);
        this.stderr = new FakePipe(time, false, this::goOn);
        this.exit = new Exit(time);
        this.left = reply.duration();
        this.runsSince = time.now();
    }

    static FakeProcess begin(
            VirtualTime time, Machine machine, Command command, long pid, Reply reply, Consumer<ExitStatus> onEnd) {
        FakeProcess process = new FakeProcess(time, machine, command, pid, reply, onEnd);
        process.stdout.put(reply.isEcho() ? command.stdin() : reply.stdout());
        process.stderr.put(reply.stderr());
        machine.watch(process);
        process.endLater();
        return process;
    }

    private synchronized void endLater() {
        if (ended.get()) {
            return;
        }
        if (endsByItself() && left.isZero() && !machine.isPaused()) {
            endWhenWritten();
        } else {
            followVM();
        }
        if (!ended.get()) {
            deadline = time.schedule(command.timeout(), () -> end(ExitStatus.failed(tooLate())));
        }
    }

    private boolean endsByItself() {
        return !reply.isEcho() && !reply.isEndless();
    }

    /** It runs while its VM does; its timeout runs on. */
    synchronized void followVM() {
        VirtualTime.Timer running = work;
        if (ended.get() || done || !endsByItself()) {
            return;
        }
        if (machine.isPaused() && running != null) {
            time.cancel(running);
            work = null;
            left = left.minus(Duration.between(runsSince, time.now()));
        } else if (!machine.isPaused() && running == null) {
            runsSince = time.now();
            work = time.schedule(left, this::endWhenWritten);
        }
    }

    /** It has nothing more to do than to get rid of its output, which it cannot while nobody reads. */
    private synchronized void endWhenWritten() {
        done = true;
        endIfNothingHoldsItUp();
    }

    /** There may be room again for what it writes. */
    private void goOn() {
        endIfNothingHoldsItUp();
        time.wake();
    }

    private void endIfNothingHoldsItUp() {
        if (done && !stdout.isFull() && !stderr.isFull()) {
            end(ofReply());
        }
    }

    private ExitStatus ofReply() {
        return reply.signal().isPresent()
                ? ExitStatus.signaled(reply.signal().getAsInt())
                : ExitStatus.exited(reply.exitCode().orElse(0));
    }

    private CommandTimeoutException tooLate() {
        return new CommandTimeoutException(
                name() + " ran longer than its timeout of " + command.timeout()
                        + "; it was killed, with all its processes except daemons",
                context());
    }

    /** The state of its VM that it ran in is gone, or the VM is. */
    void lost(AgentVMException reason) {
        end(ExitStatus.failed(reason));
    }

    /** The handle on its VM that started it is closed. */
    void endWithHandle() {
        end(ExitStatus.failed(new AgentVMException(
                name() + " was ended, since the handle on " + machine.template().name()
                        + " that started it was closed; it was killed, with all its processes except daemons",
                context())));
    }

    private void end(ExitStatus status) {
        if (ended.getAndSet(true)) {
            return;
        }
        synchronized (this) {
            Stream.of(work, deadline).filter(Objects::nonNull).forEach(time::cancel);
        }
        machine.unwatch(this);
        machine.finish(pid);
        IOException failure = status.failure()
                .filter(reason -> !(reason instanceof CommandTimeoutException))
                .map(reason -> new IOException(reason.getMessage(), reason))
                .orElse(null);
        stdout.end(failure);
        stderr.end(failure);
        stdin.end(failure);
        onEnd.accept(status);
        exit.complete(status);
        time.wake();
    }

    @Override
    public Command command() {
        return command;
    }

    @Override
    public InputStream stdout() {
        return stdout;
    }

    @Override
    public InputStream stderr() {
        return stderr;
    }

    @Override
    public OutputStream stdin() {
        return stdin;
    }

    @Override
    public boolean isAlive() {
        return !exit.isDone();
    }

    @Override
    public ExitStatus waitFor() {
        return waitFor(VirtualTime.FOREVER).orElseThrow();
    }

    @Override
    public Optional<ExitStatus> waitFor(Duration timeout) {
        try {
            time.await(exit::isDone, timeout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException("The wait for " + name() + " was interrupted; it runs on", context(), e);
        }
        return Optional.ofNullable(exit.getNow(null));
    }

    @Override
    public CompletableFuture<ExitStatus> onExit() {
        return exit.copy();
    }

    @Override
    public void signal(int number) {
        if (number < 1 || number > 64) {
            throw new InvalidValueException("number", number, "must be from 1 to 64");
        }
        if (!HARMLESS.contains(number)) {
            end(ExitStatus.signaled(number));
        }
    }

    @Override
    public void kill() {
        end(ExitStatus.signaled(9));
    }

    @Override
    public void close() {
        kill();
        stdout.close();
        stderr.close();
    }

    /** Its standard input: an echo takes it while its output has room, another reply swallows it. */
    private final class Input extends OutputStream {
        private static final int PIECE = 64 * 1024;

        private volatile boolean closed;
        private volatile @Nullable IOException broken;

        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, bytes.length);
            int end = offset + length;
            int from = offset;
            do {
                int until = Math.min(end, from + PIECE);
                awaitRoom();
                put(Arrays.copyOfRange(bytes, from, until));
                from = until;
            } while (from < end);
        }

        private void awaitRoom() throws IOException {
            try {
                if (!mayGoOn()) {
                    time.await(this::mayGoOn, VirtualTime.FOREVER);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw (InterruptedIOException) new InterruptedIOException("interrupted while writing").initCause(e);
            }
        }

        private boolean mayGoOn() {
            return closed || broken != null || !reply.isEcho() || !stdout.isFull();
        }

        private synchronized void put(byte[] piece) throws IOException {
            if (closed) {
                throw new IOException("The stream is closed");
            }
            if (broken != null) {
                throw new IOException(broken.getMessage(), broken.getCause());
            }
            if (reply.isEcho()) {
                stdout.put(piece);
                time.wake();
            }
        }

        /** Nobody reads it any more: because the program has ended, or because of that failure. */
        void end(@Nullable IOException because) {
            broken = because == null ? new IOException(name() + " has ended, and reads no more") : because;
        }

        @Override
        public void close() {
            synchronized (this) {
                if (closed) {
                    return;
                }
                closed = true;
            }
            time.wake();
            if (reply.isEcho()) {
                endWhenWritten();
            }
        }
    }

    /** An end that whoever waits for it moves the time to, as for all that is waited for here. */
    private static final class Exit extends CompletableFuture<ExitStatus> {
        private final VirtualTime time;

        private Exit(VirtualTime time) {
            this.time = time;
        }

        @Override
        public <U> CompletableFuture<U> newIncompleteFuture() {
            return new Later<>(time);
        }
    }

    private static final class Later<T> extends CompletableFuture<T> {
        private final VirtualTime time;

        private Later(VirtualTime time) {
            this.time = time;
        }

        @Override
        public <U> CompletableFuture<U> newIncompleteFuture() {
            return new Later<>(time);
        }

        @Override
        public T get() throws InterruptedException, ExecutionException {
            time.await(this::isDone, VirtualTime.FOREVER);
            return super.get();
        }

        @Override
        public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
            time.await(this::isDone, Duration.ofNanos(unit.toNanos(timeout)));
            return super.get(0, unit);
        }

        @Override
        public T join() {
            try {
                time.await(this::isDone, VirtualTime.FOREVER);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return super.join();
        }
    }

    private String name() {
        return "'" + String.join(" ", command.argv()) + "'";
    }

    private FailureContext context() {
        return FailureContext.of("run a command").vm(machine.template().name());
    }

    @Override
    public String toString() {
        return "fake process " + name() + (isAlive() ? "" : ", " + exit.getNow(null));
    }
}
