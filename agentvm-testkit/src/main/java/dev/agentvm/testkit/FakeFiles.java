package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.VMFiles;
import dev.agentvm.spi.GuestPaths;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The files of a fake VM. Safe for use by many threads. */
final class FakeFiles implements VMFiles {
    private final Machine machine;
    private final Consumer<String> ready;
    private final Optional<String> user;

    /** @param ready is told of each operation, and throws if the guest would not hear of it */
    FakeFiles(Machine machine, Consumer<String> ready) {
        this(machine, ready, Optional.empty());
    }

    private FakeFiles(Machine machine, Consumer<String> ready, Optional<String> user) {
        this.machine = machine;
        this.ready = ready;
        this.user = user;
    }

    @Override
    public VMFiles asUser(String name) {
        // What checks names is the command.
        return new FakeFiles(machine, ready, Command.of("true").withUser(name).user());
    }

    private GuestFiles files(String operation) {
        ready.accept(operation);
        user.filter(name -> !GuestPrograms.USERS.containsKey(name)).ifPresent(name -> {
            throw new CommandStartException(
                    "The guest has no user " + name + "; a fake one has " + GuestPrograms.USERS.keySet(),
                    context(operation));
        });
        return machine.files();
    }

    private long uid() {
        return user.map(GuestPrograms.UIDS::get).orElse(0L);
    }

    @Override
    public byte[] read(String path, int maxBytes) {
        String file = GuestPaths.check("path", path);
        GuestPaths.checkMaxBytes(maxBytes);
        GuestFiles.Node node = files("read").followed(file).orElseThrow(() -> notFound("read", file));
        requireFile("read", file, node);
        if (node.content().length > maxBytes) {
            throw failure(Reason.TOO_BIG, "read", file, "it holds more than " + maxBytes + " bytes");
        }
        return node.content().clone();
    }

    private void requireFile(String operation, String path, GuestFiles.Node node) {
        if (!node.is(GuestFile.Kind.FILE)) {
            throw failure(Reason.NOT_A_FILE, operation, path, "it is no file");
        }
    }

    @Override
    public void write(String path, byte[] content) {
        replace(path, content, Optional.empty());
    }

    @Override
    public void write(String path, byte[] content, String permissions) {
        replace(path, content, Optional.of(GuestPaths.checkPermissions(permissions)));
    }

    private void replace(String path, byte[] content, Optional<String> permissions) {
        String file = GuestPaths.checkNotRoot("path", path);
        GuestFiles files = files("write");
        synchronized (files) {
            requireDirectoryOf("write", file, files);
            Optional<GuestFiles.Node> there = files.node(file);
            if (there.filter(node -> node.is(GuestFile.Kind.DIRECTORY)).isPresent()) {
                throw failure(Reason.NOT_A_FILE, "write", file, "it is a directory");
            }
            Optional<GuestFiles.Node> before = there.filter(node -> node.is(GuestFile.Kind.FILE));
            files.put(
                    file,
                    new GuestFiles.Node(
                            GuestFile.Kind.FILE,
                            content.clone(),
                            "",
                            permissions
                                    .or(() -> before.map(GuestFiles.Node::permissions))
                                    .orElse("0644"),
                            before.map(GuestFiles.Node::uid).orElse(uid()),
                            now()));
        }
    }

    private void requireDirectoryOf(String operation, String path, GuestFiles files) {
        String directory = GuestFiles.parent(path);
        if (!files.isDirectory(directory)) {
            throw files.followed(directory).isPresent()
                    ? failure(Reason.NOT_A_DIRECTORY, operation, path, directory + " is no directory")
                    : notFound(operation, path);
        }
    }

    @Override
    public void append(String path, byte[] content) {
        String file = GuestPaths.checkNotRoot("path", path);
        GuestFiles files = files("append");
        synchronized (files) {
            Optional<GuestFiles.Node> before = files.followed(file);
            before.ifPresent(node -> requireFile("append", file, node));
            byte[] head = before.map(GuestFiles.Node::content).orElse(new byte[0]);
            byte[] all = Arrays.copyOf(head, head.length + content.length);
            System.arraycopy(content, 0, all, head.length, content.length);
            if (before.isEmpty()) {
                replace(file, all, Optional.empty());
            } else {
                boolean unused = files.write(file, all);
            }
        }
    }

    @Override
    public List<GuestFile> list(String directory) {
        String path = GuestPaths.check("directory", directory);
        GuestFiles files = files("list");
        synchronized (files) {
            requireDirectory("list", path, files);
            String prefix = path.equals("/") ? "/" : path + "/";
            return files.below(path).entrySet().stream()
                    .filter(entry -> !entry.getKey().contains("/"))
                    .map(entry -> entry.getValue().at(prefix + entry.getKey()))
                    .toList();
        }
    }

    private void requireDirectory(String operation, String path, GuestFiles files) {
        if (!files.isDirectory(path)) {
            throw files.followed(path).isPresent()
                    ? failure(Reason.NOT_A_DIRECTORY, operation, path, "it is no directory")
                    : notFound(operation, path);
        }
    }

    @Override
    public GuestFile stat(String path) {
        String file = GuestPaths.check("path", path);
        return files("stat")
                .node(file)
                .orElseThrow(() -> notFound("stat", file))
                .at(file);
    }

    @Override
    public boolean exists(String path) {
        String file = GuestPaths.check("path", path);
        return files("look-up").node(file).isPresent();
    }

    @Override
    public void makeDirectories(String path) {
        makeDirectories("making", GuestPaths.check("path", path), files("making"));
    }

    private void makeDirectories(String operation, String path, GuestFiles files) {
        if (!files.makeDirectories(path, uid())) {
            throw failure(Reason.NOT_A_DIRECTORY, operation, path, "something else is in the way");
        }
    }

    @Override
    public void delete(String path) {
        String file = GuestPaths.checkNotRoot("path", path);
        GuestFiles files = files("delete");
        synchronized (files) {
            GuestFiles.Node node = files.node(file).orElseThrow(() -> notFound("delete", file));
            if (node.is(GuestFile.Kind.DIRECTORY) && !files.below(file).isEmpty()) {
                throw failure(Reason.NOT_EMPTY, "delete", file, "it is a directory that holds something");
            }
            boolean unused = files.remove(file);
        }
    }

    @Override
    public void deleteRecursively(String path) {
        String file = GuestPaths.checkNotRoot("path", path);
        boolean unused = files("delete").remove(file);
    }

    @Override
    public CopyReport copyIn(Path source, String directory, CopyOptions options) {
        String path = GuestPaths.check("directory", directory);
        GuestFiles files = files("copyIn");
        FakeCopy copy = new FakeCopy(options, reason -> failure(reason.reason(), "copyIn", path, reason.words()));
        try {
            copy.requireReadable(source);
            makeDirectories("copyIn", path, files);
            return copy.in(source, path, files, uid(), goingOn("copyIn", path, options));
        } catch (IOException e) {
            throw host("copyIn", path, e);
        }
    }

    @Override
    public CopyReport copyOut(String source, Path directory, CopyOptions options) {
        String path = GuestPaths.check("source", source);
        GuestFiles files = files("copyOut");
        FakeCopy copy = new FakeCopy(options, reason -> failure(reason.reason(), "copyOut", path, reason.words()));
        try {
            GuestFiles.Node node = files.followed(path).orElseThrow(() -> notFound("copyOut", path));
            Runnable goingOn = goingOn("copyOut", path, options);
            copy.requireFree(directory);
            return node.is(GuestFile.Kind.DIRECTORY)
                    ? copy.out(files.below(path), directory, goingOn)
                    : copy.out(Map.of(path.substring(path.lastIndexOf('/') + 1), node), directory, goingOn);
        } catch (IOException e) {
            throw host("copyOut", path, e);
        }
    }

    /** Throws if a copy that begins now cannot go on. */
    private Runnable goingOn(String operation, String path, CopyOptions options) {
        Instant deadline = now().plus(options.timeout());
        return () -> {
            ready.accept(operation);
            if (now().isAfter(deadline)) {
                throw new CommandTimeoutException(
                        operation + " of '" + path + "' took longer than its timeout of " + options.timeout(),
                        context(operation));
            }
        };
    }

    private Instant now() {
        return machine.host().time().now();
    }

    private AgentVMException host(String operation, String path, IOException e) {
        return failure(Reason.HOST, operation, path, "this machine's files: " + e, e);
    }

    private GuestFileException notFound(String operation, String path) {
        return failure(Reason.NOT_FOUND, operation, path, "there is no such file or directory");
    }

    private GuestFileException failure(Reason reason, String operation, String path, String why) {
        return failure(reason, operation, path, why, null);
    }

    private GuestFileException failure(
            Reason reason, String operation, String path, String why, @Nullable Throwable cause) {
        return new GuestFileException(
                reason,
                operation + " of '" + path + "' of VM '" + machine.template().name() + "': " + why,
                context(operation),
                cause);
    }

    private FailureContext context(String operation) {
        return FailureContext.of(operation).vm(machine.template().name());
    }
}
