package dev.agentvm.testkit;

import dev.agentvm.Command;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The few programs that a fake guest has of its own, with the options that are written here and no others. There is no
 * shell among them: a shell that is nearly one would give answers that no guest gives.
 */
final class GuestPrograms {
    static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /** The guest's users and where they are at home. */
    static final Map<String, String> USERS = Map.of("root", "/root", "nobody", "/", "agent", "/home/agent");

    /** Their numbers. */
    static final Map<String, Long> UIDS = Map.of("root", 0L, "nobody", 65534L, "agent", 1000L);

    private static final Map<String, Function<Call, Reply>> PROGRAMS = Map.ofEntries(
            Map.entry("true", call -> Reply.exit(0)),
            Map.entry("false", call -> Reply.exit(1)),
            Map.entry("echo", call -> Reply.text(String.join(" ", call.arguments()) + "\n")),
            Map.entry("cat", GuestPrograms::cat),
            Map.entry("head", GuestPrograms::head),
            Map.entry("tee", GuestPrograms::tee),
            Map.entry("mkdir", GuestPrograms::mkdir),
            Map.entry("rm", GuestPrograms::rm),
            Map.entry("pwd", call -> Reply.text(call.directory() + "\n")),
            Map.entry("env", GuestPrograms::env),
            Map.entry("sleep", GuestPrograms::sleep),
            Map.entry("yes", call -> Reply.endlessOutput()),
            Map.entry("pidof", GuestPrograms::pidof),
            Map.entry("poweroff", GuestPrograms::poweroff));

    private GuestPrograms() {}

    /** Answers a command, if the guest has its program. */
    static Optional<Reply> run(Command command, Machine machine) {
        String program = command.argv().get(0);
        String name = program.replaceFirst("^(/usr)?/s?bin/", "");
        return Optional.ofNullable(PROGRAMS.get(name)).map(built -> built.apply(new Call(command, machine)));
    }

    /** A program and where it runs. */
    private record Call(Command command, Machine machine) {
        List<String> arguments() {
            return command.argv().subList(1, command.argv().size());
        }

        String directory() {
            return command.workingDirectory()
                    .map(path -> GuestFiles.resolve("/", path))
                    .orElse("/");
        }

        String path(String argument) {
            return GuestFiles.resolve(directory(), argument);
        }
    }

    private static Reply cat(Call call) {
        if (call.arguments().isEmpty()) {
            return Reply.echo();
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        StringBuilder errors = new StringBuilder();
        for (String argument : call.arguments()) {
            Optional<byte[]> content = argument.equals("-")
                    ? Optional.of(call.command().stdin())
                    : call.machine().files().read(call.path(argument));
            content.ifPresentOrElse(
                    out::writeBytes,
                    () -> errors.append("cat: can't open '").append(argument).append("': No such file or directory\n"));
        }
        return Reply.exit(errors.isEmpty() ? 0 : 1)
                .withStdout(out.toByteArray())
                .withStderr(errors.toString());
    }

    /** {@code head -c BYTES FILE}; of /dev/zero too. */
    private static Reply head(Call call) {
        List<String> arguments = call.arguments();
        if (arguments.size() != 3
                || !arguments.get(0).equals("-c")
                || !arguments.get(1).matches("[0-9]{1,8}")) {
            return Reply.exit(1).withStderr("head: not understood\n");
        }
        int count = Integer.parseInt(arguments.get(1));
        String path = call.path(arguments.get(2));
        if (path.equals("/dev/zero")) {
            return Reply.exit(0).withStdout(new byte[count]);
        }
        return call.machine()
                .files()
                .read(path)
                .map(content -> Reply.exit(0).withStdout(Arrays.copyOf(content, Math.min(count, content.length))))
                .orElseGet(
                        () -> Reply.exit(1).withStderr("head: " + arguments.get(2) + ": No such file or directory\n"));
    }

    private static Reply tee(Call call) {
        StringBuilder errors = new StringBuilder();
        for (String argument : call.arguments()) {
            if (!call.machine()
                    .files()
                    .write(call.path(argument), call.command().stdin())) {
                errors.append("tee: ").append(argument).append(": No such file or directory\n");
            }
        }
        return Reply.exit(errors.isEmpty() ? 0 : 1)
                .withStdout(call.command().stdin())
                .withStderr(errors.toString());
    }

    private static Reply mkdir(Call call) {
        boolean parents = call.arguments().contains("-p");
        StringBuilder errors = new StringBuilder();
        for (String argument : call.arguments()) {
            if (argument.equals("-p")) {
                continue;
            }
            String path = call.path(argument);
            GuestFiles files = call.machine().files();
            boolean possible = parents
                    || (files.isDirectory(GuestFiles.parent(path))
                            && !files.isDirectory(path)
                            && files.node(path).isEmpty());
            if (!possible || !files.makeDirectories(path)) {
                errors.append("mkdir: can't create directory '")
                        .append(argument)
                        .append("'\n");
            }
        }
        return Reply.exit(errors.isEmpty() ? 0 : 1).withStderr(errors.toString());
    }

    private static Reply rm(Call call) {
        boolean recursive = call.arguments().stream().anyMatch(option -> option.matches("-r|-rf|-fr"));
        boolean force = call.arguments().stream().anyMatch(option -> option.matches("-f|-rf|-fr"));
        StringBuilder errors = new StringBuilder();
        for (String argument : call.arguments()) {
            String path = call.path(argument);
            if (argument.startsWith("-")) {
                continue;
            }
            if (call.machine().files().isDirectory(path) && !recursive) {
                errors.append("rm: '").append(argument).append("' is a directory\n");
            } else if (!call.machine().files().remove(path) && !force) {
                errors.append("rm: can't remove '").append(argument).append("': No such file or directory\n");
            }
        }
        return Reply.exit(errors.isEmpty() ? 0 : 1).withStderr(errors.toString());
    }

    private static Reply env(Call call) {
        Map<String, String> variables = new TreeMap<>(call.command().environment());
        variables.putIfAbsent("PATH", PATH);
        call.command().user().ifPresent(user -> {
            variables.putIfAbsent("USER", user);
            variables.putIfAbsent("LOGNAME", user);
            variables.putIfAbsent("HOME", USERS.get(user));
        });
        return Reply.text(variables.entrySet().stream()
                .map(variable -> variable.getKey() + "=" + variable.getValue() + "\n")
                .collect(Collectors.joining()));
    }

    private static Reply sleep(Call call) {
        String seconds = call.arguments().size() == 1 ? call.arguments().get(0) : "";
        if (!seconds.matches("[0-9]{1,9}(\\.[0-9]{1,3})?")) {
            return Reply.exit(1).withStderr("sleep: invalid number '" + seconds + "'\n");
        }
        return Reply.exit(0).after(Duration.ofMillis(Math.round(Double.parseDouble(seconds) * 1000)));
    }

    /** The commands of that name that run now, whoever started them. */
    private static Reply pidof(Call call) {
        String running = call.machine().runningPrograms().entrySet().stream()
                .filter(process -> call.arguments().contains(process.getValue()))
                .map(process -> Long.toString(process.getKey()))
                .collect(Collectors.joining(" "));
        return running.isEmpty() ? Reply.exit(1) : Reply.text(running + "\n");
    }

    /** The guest is gone before the program ends. */
    private static Reply poweroff(Call call) {
        call.machine().die("its domain stopped (shutdown)");
        return Reply.exit(0);
    }
}
