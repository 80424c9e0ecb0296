package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.OutputLimit;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMRestoredException;
import dev.agentvm.libvirt.internal.Uninterrupted;
import dev.agentvm.spi.GuestPaths;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The files of a guest, by commands that run there. Safe for use by many threads. */
public final class CommandFiles implements VMFiles {
    private static final Logger LOG = LoggerFactory.getLogger(CommandFiles.class);
    private static final SecureRandom RANDOM = new SecureRandom();

    /** What a command may say of trouble, beside what it is asked for. */
    private static final int TALK = 64 * 1024;

    /** What a directory's entries may take, in bytes. */
    private static final int LONGEST_LIST = 8 * 1024 * 1024;

    private static final Duration TIDYING_UP = Duration.ofSeconds(10);

    /**
     * How long no byte may come through a port; one that takes none fails after about as long, when libvirtd, which
     * reads no more meanwhile, misses the connection's answers to its keepalive.
     */
    private static final Duration STALL = Duration.ofSeconds(40);

    private final String vmName;
    private final Function<Command, ExecResult> exec;
    private final StreamStarter streams;
    private final Optional<String> user;

    /**
     * The files of a VM.
     *
     * @param exec runs a command there, as {@link dev.agentvm.VM#exec}
     * @param start starts one, as {@link dev.agentvm.VM#start}
     * @param ports carry what is much, where the guest can use them
     */
    public CommandFiles(
            String vmName, Function<Command, ExecResult> exec, Function<Command, VMProcess> start, Ports ports) {
        this(vmName, exec, new StreamStarter(start, ports, STALL), Optional.empty());
    }

    private CommandFiles(
            String vmName, Function<Command, ExecResult> exec, StreamStarter streams, Optional<String> user) {
        this.vmName = vmName;
        this.exec = exec;
        this.streams = streams;
        this.user = user;
    }

    @Override
    public VMFiles asUser(String name) {
        // What checks names is the command.
        Command checked = Command.of("true").withUser(name);
        return new CommandFiles(vmName, exec, streams, checked.user());
    }

    @Override
    public byte[] read(String path, int maxBytes) {
        String file = GuestPaths.check("path", path);
        long most = GuestPaths.checkMaxBytes(maxBytes) + 1L;
        Trouble trouble = trouble("read", file);
        ExecResult result = run(
                command(Scripts.READ, file, Long.toString(most), Integer.toString(Command.MAX_STDIN_BYTES))
                        .withOutputLimit(OutputLimit.fail((int) Math.min(Command.MAX_OUTPUT_BYTES, most + TALK))),
                trouble);
        byte[] content = result.stdout();
        if (result.exitCode().equals(OptionalInt.of(Scripts.BIG))) {
            content = stream(file, most, trouble);
        } else {
            require(result, trouble);
        }
        if (content.length > maxBytes) {
            throw trouble.of(Reason.TOO_BIG, "it holds more than " + maxBytes + " bytes");
        }
        return content;
    }

    private byte[] stream(String file, long most, Trouble trouble) {
        Command command = command(Scripts.READ, file, Long.toString(most), Long.toString(Long.MAX_VALUE));
        try (GuestStream stream = streams.out(command, trouble)) {
            byte[] content;
            try {
                content = stream.output().readNBytes((int) most);
            } catch (IOException e) {
                throw stream.unreadable(e, true);
            }
            stream.finish();
            return content;
        }
    }

    @Override
    public void write(String path, byte[] content) {
        replace(path, content, "");
    }

    @Override
    public void write(String path, byte[] content, String permissions) {
        replace(path, content, GuestPaths.checkPermissions(permissions));
    }

    private void replace(String path, byte[] content, String permissions) {
        String file = GuestPaths.checkNotRoot("path", path);
        byte[] random = new byte[8];
        RANDOM.nextBytes(random);
        String temporary = ".agentvm-" + HexFormat.of().formatHex(random);
        try {
            send(
                    command(Scripts.WRITE, file, permissions, temporary, Integer.toString(content.length)),
                    content,
                    trouble("write", file));
        } catch (VMDestroyedException | VMRestoredException e) {
            throw e;
        } catch (AgentVMException e) {
            // What is killed does not tidy up.
            removeIfPossible(file.substring(0, file.lastIndexOf('/') + 1) + temporary);
            throw e;
        }
    }

    private void removeIfPossible(String path) {
        Uninterrupted.run(() -> {
            try {
                ExecResult unused =
                        exec.apply(command(Scripts.DELETE_RECURSIVELY, path).withTimeout(TIDYING_UP));
            } catch (AgentVMException e) {
                LOG.debug("{} may be left in '{}'", path, vmName, e);
            }
        });
    }

    @Override
    public void append(String path, byte[] content) {
        String file = GuestPaths.checkNotRoot("path", path);
        send(command(Scripts.APPEND, file, Integer.toString(content.length)), content, trouble("append", file));
    }

    /** Runs a command with that input, which may be more than one call takes. */
    private void send(Command command, byte[] input, Trouble trouble) {
        if (input.length <= Command.MAX_STDIN_BYTES) {
            require(run(command.withStdin(input), trouble), trouble);
            return;
        }
        try (GuestStream stream = streams.in(command, trouble)) {
            try {
                stream.input().write(input);
                stream.input().close();
            } catch (IOException e) {
                throw stream.unwritable(e);
            }
            stream.finish();
        }
    }

    @Override
    public List<GuestFile> list(String directory) {
        String path = GuestPaths.check("directory", directory);
        Trouble trouble = trouble("list", path);
        ExecResult result = run(command(Scripts.LIST, path).withOutputLimit(OutputLimit.fail(LONGEST_LIST)), trouble);
        require(result, trouble);
        try {
            return Listing.list(path, result.stdout());
        } catch (Listing.MalformedListingException e) {
            throw trouble.of(Reason.MALFORMED, String.valueOf(e.getMessage()), e);
        }
    }

    @Override
    public GuestFile stat(String path) {
        String file = GuestPaths.check("path", path);
        Trouble trouble = trouble("stat", file);
        ExecResult result = run(command(Scripts.STAT, file), trouble);
        require(result, trouble);
        try {
            return Listing.stat(file, result.stdout());
        } catch (Listing.MalformedListingException e) {
            throw trouble.of(Reason.MALFORMED, String.valueOf(e.getMessage()), e);
        }
    }

    @Override
    public boolean exists(String path) {
        String file = GuestPaths.check("path", path);
        Trouble trouble = trouble("look-up", file);
        ExecResult result = run(command(Scripts.EXISTS, file), trouble);
        boolean absent = result.exitCode().equals(OptionalInt.of(1)) && result.stderr().length == 0;
        if (!absent) {
            require(result, trouble);
        }
        return !absent;
    }

    @Override
    public void makeDirectories(String path) {
        simple("making", Scripts.MAKE_DIRECTORIES, GuestPaths.check("path", path));
    }

    @Override
    public void delete(String path) {
        simple("delete", Scripts.DELETE, GuestPaths.checkNotRoot("path", path));
    }

    @Override
    public void deleteRecursively(String path) {
        simple("delete", Scripts.DELETE_RECURSIVELY, GuestPaths.checkNotRoot("path", path));
    }

    private void simple(String operation, String script, String path) {
        Trouble trouble = trouble(operation, path);
        require(run(command(script, path), trouble), trouble);
    }

    @Override
    public CopyReport copyIn(Path source, String directory, CopyOptions options) {
        String path = GuestPaths.check("directory", directory);
        Trouble trouble = new Trouble(vmName, "copyIn", "copying " + source + " into '" + path + "'");
        TreeReader tree = TreeReader.of(source, options, trouble);
        byte[] directories = tree.directories();
        if (directories.length > 0) {
            send(command(Scripts.MAKE_WAY, path).withTimeout(options.timeout()), directories, trouble);
        }
        Command command = command(Scripts.UNPACK, path).withTimeout(options.timeout());
        try (GuestStream stream = streams.in(command, trouble)) {
            CopyReport report = tree.send(stream);
            stream.finish();
            return report;
        }
    }

    @Override
    public CopyReport copyOut(String source, Path directory, CopyOptions options) {
        String path = GuestPaths.check("source", source);
        Trouble trouble = new Trouble(vmName, "copyOut", "copying '" + path + "' to " + directory);
        try (TreeWriter writer = TreeWriter.to(directory, trouble)) {
            Command command = command(Scripts.PACK, path).withTimeout(options.timeout());
            CopyReport report;
            try (GuestStream stream = streams.out(command, trouble)) {
                Unpacking unpacking = new Unpacking(stream, writer, options, trouble);
                unpacking.run();
                stream.finish();
                report = unpacking.report(stream.ignoredSockets());
            }
            writer.complete();
            return report;
        }
    }

    private Command command(String script, String... parameters) {
        return new Command.Builder()
                .addArgv("/bin/sh", "-c", script, "agentvm")
                .addArgv(parameters)
                .putEnvironment("LC_ALL", "C")
                .outputLimit(OutputLimit.fail(TALK))
                .user(user)
                .build();
    }

    private ExecResult run(Command command, Trouble trouble) {
        try {
            return exec.apply(command);
        } catch (VMDestroyedException | VMRestoredException e) {
            throw e;
        } catch (AgentVMException e) {
            throw e.during(trouble.what());
        }
    }

    private static void require(ExecResult result, Trouble trouble) {
        if (!result.success()) {
            ExitStatus status = result.signal().isPresent()
                    ? ExitStatus.signaled(result.signal().getAsInt())
                    : ExitStatus.exited(result.exitCode().orElse(0));
            throw trouble.failed(status, result.stderr());
        }
    }

    private Trouble trouble(String operation, String path) {
        return new Trouble(vmName, operation, operation + " of '" + path + "'");
    }
}
