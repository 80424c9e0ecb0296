package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * A guest agent as seen through libvirt, whose guest is this machine: programs really run, files are really there. As
 * QEMU's, it captures at most 16 MiB, tells of the end of a process once, and only when its pipes are closed too; as
 * libvirt, it turns the agent's errors into exceptions and makes one call at a time.
 */
final class FakeAgent implements AgentChannel, AutoCloseable {
    private static final int CAPTURE_LIMIT = 16 * 1024 * 1024;

    /** Bigger requests were seen to leave a real agent dead for seconds. */
    private static final int REQUEST_LIMIT = 250_000;

    private static final int REPLY_LIMIT = 4 * 1024 * 1024;

    private final Map<Long, Running> processes = new ConcurrentHashMap<>();
    private final Map<Long, RandomAccessFile> files = new ConcurrentHashMap<>();
    private volatile AtomicBoolean standingStill = new AtomicBoolean();
    private volatile String refused = "";
    private final Map<Long, byte[]> unwritten = new ConcurrentHashMap<>();
    private final AtomicLong handles = new AtomicLong(1000);
    private final List<String> calls = new CopyOnWriteArrayList<>();
    private final Set<String> workspaces = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile Set<String> blocked = Set.of();
    private volatile UnaryOperator<String> distortion = UnaryOperator.identity();
    private volatile String distorted = "";
    private volatile Path shell = Path.of(Scripts.SHELL);
    private volatile boolean silent;
    private volatile String delayed = "";
    private volatile String oftenDelayed = "";
    private int calledBefore;
    private final Map<String, String> environment = new LinkedHashMap<>();

    private static final class Running {
        final Capture out;
        final Capture err;
        volatile @Nullable Integer status;

        Running(Posix.Child process) {
            this.out = new Capture(process.output());
            this.err = new Capture(process.errors());
        }
    }

    /** Reads a pipe to its end and keeps the first 16 MiB. */
    private static final class Capture {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private volatile boolean truncated;
        private volatile boolean done;

        Capture(int fd) {
            daemon(() -> {
                try (InputStream pipe = new FileInputStream("/proc/self/fd/" + fd)) {
                    Posix.close(fd);
                    byte[] buffer = new byte[65536];
                    for (int n = pipe.read(buffer); n >= 0; n = pipe.read(buffer)) {
                        int room = CAPTURE_LIMIT - bytes.size();
                        bytes.write(buffer, 0, Math.min(n, room));
                        truncated |= n > room;
                    }
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                } finally {
                    done = true;
                }
            });
        }
    }

    FakeAgent() {
        environment.putAll(System.getenv());
    }

    /** The environment that programs get if a request names none. */
    Map<String, String> environment() {
        return environment;
    }

    /** From now on has this for its /bin/sh. */
    void shell(Path file) {
        shell = file;
    }

    /** From now on refuses these calls, as the RHEL family's agents do. */
    void block(Set<String> names) {
        blocked = names;
    }

    /** From now on passes replies to calls of that name through a function. */
    void distort(String name, UnaryOperator<String> function) {
        distorted = name;
        distortion = function;
    }

    /** From now on does not answer, or answers again. */
    void silence(boolean value) {
        silent = value;
    }

    /** Has started anew: none of its handles and processes is known any more. */
    void startAnew() {
        files.clear();
        processes.clear();
    }

    /** From now on does what it is asked to, and answers too late. */
    void delay(String name) {
        delayed = name;
    }

    /** From now on answers every seventh call of that name too late. */
    void delayOften(String name) {
        oftenDelayed = name;
    }

    /** From now on refuses calls of that name while {@code still}, as libvirt does those to a domain that is paused. */
    void standStillWhile(AtomicBoolean still, String name) {
        standingStill = still;
        refused = name;
    }

    private static GuestAgentException standsStill() {
        return new GuestAgentException(
                "Requested operation is not valid: domain is not running",
                FailureContext.of("agent")
                        .libvirt(ErrorCode.OPERATION_INVALID, ErrorCode.FROM_QEMU)
                        .retryable(true));
    }

    /** The names of all calls so far. */
    List<String> calls() {
        return calls;
    }

    /** Where commands' files are or were. */
    List<Path> workspaces() {
        return workspaces.stream().map(name -> Path.of("/dev/shm", name)).toList();
    }

    /** Where they are at present. */
    Path workspace() {
        return workspaces().stream().filter(Files::isDirectory).findFirst().orElseThrow();
    }

    /** Processes that serve streams there. */
    static Stream<ProcessHandle> helpers(Path workspace) {
        return ProcessHandle.allProcesses()
                .filter(process -> words(process.pid()).contains(workspace + "/"));
    }

    /** As ps says them, even of one that has named itself; empty if it is no more. */
    private static String words(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    int openFiles() {
        return files.size();
    }

    int processes() {
        return processes.size();
    }

    @Override
    public String call(String json, Duration timeout) {
        return call(json, timeout, reply -> {});
    }

    @Override
    public synchronized String call(String json, Duration timeout, Consumer<String> late) {
        if (silent) {
            await(timeout);
            throw new OperationTimeoutException("no reply", FailureContext.of("agent"));
        }
        if (json.length() > REQUEST_LIMIT) {
            throw new OperationTimeoutException("Guest agent not available for now", FailureContext.of("agent"));
        }
        Fields request;
        String name;
        String reply;
        try {
            request = AgentJson.reply(json);
            name = request.text("execute");
            calls.add(name);
            if (name.equals(refused) && standingStill.get()) {
                throw standsStill();
            }
            Fields arguments = request.has("arguments") ? request.object("arguments") : new Fields(Map.of());
            if (blocked.contains(name)) {
                throw error(name, "Command " + name + " has been disabled: the command is not allowed");
            }
            reply = switch (name) {
                case "guest-info" -> info();
                case "guest-exec" -> exec(arguments);
                case "guest-exec-status" -> status(arguments);
                case "guest-file-open" -> open(arguments);
                case "guest-file-read" -> read(arguments);
                case "guest-file-seek" -> seek(arguments);
                case "guest-file-write" -> write(arguments);
                case "guest-file-flush" -> flush(arguments);
                case "guest-file-close" -> close(arguments);
                default -> throw error(name, "The command " + name + " has not been found");
            };
        } catch (MalformedReplyException e) {
            throw new IllegalStateException("bad request: " + json, e);
        }
        if (name.equals(distorted)) {
            reply = distortion.apply(reply);
        }
        boolean again = name.equals(oftenDelayed) && ++calledBefore % 7 == 0;
        if (name.equals(delayed) || again) {
            delayed = again ? delayed : "";
            late.accept(reply);
            throw new OperationTimeoutException("no reply in time", FailureContext.of("agent"));
        }
        if (reply.length() > REPLY_LIMIT) {
            throw new GuestAgentException("Unable to decode message payload", FailureContext.of("agent"));
        }
        return reply;
    }

    private void await(Duration timeout) {
        try {
            closed.await(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static GuestAgentException error(String name, String text) {
        return new GuestAgentException(
                "internal error: unable to execute QEMU agent command '" + name + "': " + text,
                FailureContext.of("agent"));
    }

    private String info() {
        StringBuilder commands = new StringBuilder();
        for (String name : List.of(
                "guest-info",
                "guest-exec",
                "guest-exec-status",
                "guest-file-open",
                "guest-file-read",
                "guest-file-seek",
                "guest-file-write",
                "guest-file-flush",
                "guest-file-close")) {
            commands.append(commands.isEmpty() ? "" : ", ")
                    .append("{\"enabled\": ")
                    .append(!blocked.contains(name))
                    .append(", \"name\": \"")
                    .append(name)
                    .append("\", \"success-response\": true}");
        }
        return "{\"return\": {\"version\": \"7.2.0\", \"supported_commands\": [" + commands + "]}}";
    }

    private String exec(Fields arguments) throws MalformedReplyException {
        List<String> argv = new ArrayList<>();
        argv.add(arguments.text("path"));
        if (arguments.members().get("arg") instanceof List<?> list) {
            list.forEach(argument -> argv.add((String) argument));
            argv.stream().filter(text -> text.matches("agentvm-[0-9a-f]{32}")).forEach(workspaces::add);
        }
        for (int i = 0; i < Math.min(2, argv.size()); i++) {
            argv.set(i, argv.get(i).equals(Scripts.SHELL) ? shell.toString() : argv.get(i));
        }
        List<String> variables = new ArrayList<>();
        environment.forEach((name, value) -> variables.add(name + "=" + value));
        byte[] input = arguments.bytes("input-data");
        Posix.Child process = Posix.spawn(argv, variables, input.length > 0);
        if (process == null) {
            throw error(
                    "guest-exec",
                    "Guest agent command failed, error was 'Failed to execute child process “" + argv.get(0)
                            + "” (No such file or directory)'");
        }
        Running running = new Running(process);
        processes.put((long) process.pid(), running);
        daemon(() -> running.status = Posix.await(process.pid()));
        if (input.length > 0) {
            daemon(() -> {
                Posix.write(process.input(), input);
                Posix.close(process.input());
            });
        }
        return "{\"return\": {\"pid\": " + process.pid() + "}}";
    }

    private String status(Fields arguments) throws MalformedReplyException {
        long pid = arguments.number("pid", 0, Long.MAX_VALUE);
        Running running = processes.get(pid);
        if (running == null) {
            throw error("guest-exec-status", "Invalid parameter 'pid'");
        }
        Integer status = running.status;
        if (status == null || !running.out.done || !running.err.done) {
            return "{\"return\": {\"exited\": false}}";
        }
        processes.remove(pid);
        StringBuilder reply = new StringBuilder("{\"return\": {");
        reply.append((status & 0x7F) == 0 ? "\"exitcode\": " + (status >> 8 & 0xFF) : "\"signal\": " + (status & 0x7F));
        captured(reply, "out", running.out);
        captured(reply, "err", running.err);
        return reply.append(", \"exited\": true}}").toString();
    }

    private static void captured(StringBuilder reply, String name, Capture capture) {
        if (capture.bytes.size() > 0) {
            String data = Base64.getEncoder().encodeToString(capture.bytes.toByteArray());
            reply.append(", \"").append(name).append("-data\": \"").append(data).append('"');
            reply.append(", \"").append(name).append("-truncated\": ").append(capture.truncated);
        }
    }

    private String open(Fields arguments) throws MalformedReplyException {
        String path = arguments.text("path");
        String mode = arguments.text("mode");
        try {
            if (mode.startsWith("r") && !Files.exists(Path.of(path))) {
                throw new java.io.FileNotFoundException();
            }
            RandomAccessFile file = new RandomAccessFile(path, mode.equals("r") ? "r" : "rw");
            if (mode.startsWith("w")) {
                file.setLength(0);
            }
            long handle = handles.incrementAndGet();
            files.put(handle, file);
            return "{\"return\": " + handle + "}";
        } catch (IOException e) {
            throw error(
                    "guest-file-open",
                    "failed to open file '" + path + "' (mode: '" + mode + "'): No such file or directory");
        }
    }

    /** As QEMU's, it keeps what is written until it is flushed, or the file is read, moved in, or closed. */
    private RandomAccessFile flushed(Fields arguments) throws MalformedReplyException, IOException {
        RandomAccessFile file = file(arguments);
        byte[] kept = unwritten.remove(arguments.number("handle", 0, Long.MAX_VALUE));
        if (kept != null) {
            file.write(kept);
        }
        return file;
    }

    private String flush(Fields arguments) throws MalformedReplyException {
        try {
            flushed(arguments);
        } catch (IOException e) {
            throw error("guest-file-flush", "failed to flush file: " + e.getMessage());
        }
        return "{\"return\": {}}";
    }

    private RandomAccessFile file(Fields arguments) throws MalformedReplyException {
        long handle = arguments.number("handle", 0, Long.MAX_VALUE);
        RandomAccessFile file = files.get(handle);
        if (file == null) {
            throw error("guest-file-*", "handle '" + handle + "' has not been found");
        }
        return file;
    }

    private String read(Fields arguments) throws MalformedReplyException {
        int count = (int) arguments.number("count", 0, 48 * 1024 * 1024);
        try {
            byte[] buffer = new byte[count];
            RandomAccessFile file = flushed(arguments);
            int length = 0;
            for (int n = 0; n >= 0 && length < count; n = file.read(buffer, length, count - length)) {
                length += n;
            }
            String data = Base64.getEncoder().encodeToString(java.util.Arrays.copyOf(buffer, length));
            return "{\"return\": {\"count\": " + length + ", \"buf-b64\": \"" + data + "\", \"eof\": "
                    + (length < count) + "}}";
        } catch (IOException e) {
            throw error("guest-file-read", "failed to read file: " + e.getMessage());
        }
    }

    private String seek(Fields arguments) throws MalformedReplyException {
        try {
            RandomAccessFile file = flushed(arguments);
            long base = arguments.number("whence", 0, 2) == 0 ? 0 : file.length();
            file.seek(base + arguments.number("offset", 0, Long.MAX_VALUE));
            return "{\"return\": {\"position\": " + file.getFilePointer() + ", \"eof\": false}}";
        } catch (IOException e) {
            throw error("guest-file-seek", "failed to seek file: " + e.getMessage());
        }
    }

    private String write(Fields arguments) throws MalformedReplyException {
        byte[] bytes = arguments.bytes("buf-b64");
        file(arguments);
        unwritten.merge(arguments.number("handle", 0, Long.MAX_VALUE), bytes, FakeAgent::joined);
        return "{\"return\": {\"count\": " + bytes.length + ", \"eof\": false}}";
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = java.util.Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private String close(Fields arguments) throws MalformedReplyException {
        try {
            flushed(arguments).close();
            files.remove(arguments.number("handle", 0, Long.MAX_VALUE));
        } catch (IOException e) {
            throw error("guest-file-close", "failed to close handle: " + e.getMessage());
        }
        return "{\"return\": {}}";
    }

    private static void daemon(Runnable task) {
        Thread thread = new Thread(task, "fake-agent");
        thread.setDaemon(true);
        thread.start();
    }

    /** Lets go of calls that wait in {@link #silence}, and removes what a broken agent could not. */
    @Override
    public void close() {
        closed.countDown();
        workspaces().forEach(directory -> helpers(directory).forEach(ProcessHandle::destroyForcibly));
        for (Running process : processes.values()) {
            Awaitility.await().until(() -> process.status != null);
        }
        for (Path directory : workspaces()) {
            try (Stream<Path> files = Files.isDirectory(directory) ? Files.list(directory) : Stream.empty()) {
                files.forEach(file -> file.toFile().delete());
                Files.deleteIfExists(directory);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
