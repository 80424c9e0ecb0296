package dev.agentvm.examples.harness;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import java.io.IOException;
import java.io.Reader;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Gives an agent a VM of its own with a clone of a repository, and brings home what it has done there as a patch. Nothing of
 * what the agent runs touches this machine, and when it is over the VM is gone.
 */
public final class Harness {
    static final String WORK = "/home/agent/work";

    private static final String USER = "agent";
    private static final Duration STEP_TIMEOUT = Duration.ofMinutes(10);
    private static final int MOST_STEPS = 100;
    /** What an agent is shown of a command's output, in characters. */
    private static final int SHOWN = 20_000;
    /** A guest that has just booted may still wait for its address. */
    private static final String CLONE = """
            for wait in 1 1 2 4 8 16 0; do
              said=$(git clone --quiet -- "$0" "$1" 2>&1) && exit
              case $said in *resol*|*unreachable*) sleep $wait ;; *) break ;; esac
            done
            echo "$said" >&2
            exit 1""";
    /** Says how patches look, so that no setting which the agent has left in the clone makes them another thing. */
    private static final String DIFF = "git add --all >&2 && exec git diff --cached --binary --no-color --no-ext-diff"
            + " --no-textconv --src-prefix=a/ --dst-prefix=b/ \"$0\"";

    private final Hypervisor hypervisor;
    private final VMTemplate template;
    private final Appendable console;

    /**
     * A harness that launches VMs on {@code hypervisor}.
     *
     * @param template what they are like; their image must have git and a user {@code agent}
     * @param console takes what the agent's commands write, while they write it
     */
    public Harness(Hypervisor hypervisor, VMTemplate template, Appendable console) {
        this.hypervisor = hypervisor;
        this.template = template;
        this.console = console;
    }

    /** VMs of the image of that name, under the default policy: the Internet on a few ports, and nothing else. */
    public static VMTemplate template(String image) {
        return new VMTemplate.Builder()
                .name("harness")
                .image(GuestImage.named(image))
                .timeToLive(Duration.ofHours(1))
                .build();
    }

    /**
     * Lets the agent work on the task until it is done or has run a hundred commands, and writes the patch, which is
     * empty if it has changed nothing.
     *
     * @return what it did
     * @throws AgentVMException if there is no VM, or it is lost
     * @throws IOException if the repository cannot be cloned, or the patch cannot be made or written
     */
    public List<Step> run(Task task, Agent agent, Path patch) throws IOException {
        try (VM vm = hypervisor.launch(template.withName(ownName()))) {
            output(vm, "clone " + task.repository(), Command.of("/bin/sh", "-c", CLONE, task.repository(), WORK));
            String base = new String(
                            output(vm, "find the commit to begin with", inWork("git", "rev-parse", "HEAD")),
                            StandardCharsets.UTF_8)
                    .strip();
            List<Step> done = work(vm, task, agent);
            write(patch, output(vm, "make the patch", inWork("/bin/sh", "-c", DIFF, base)));
            return done;
        }
    }

    /** A hypervisor has one VM of a name, and other tasks may be at work. */
    private String ownName() {
        return template.name() + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    private List<Step> work(VM vm, Task task, Agent agent) throws IOException {
        List<Step> done = new ArrayList<>();
        while (done.size() < MOST_STEPS) {
            Optional<String> command = agent.next(task, List.copyOf(done));
            if (command.isEmpty()) {
                break;
            }
            done.add(step(vm, command.get()));
        }
        return done;
    }

    private Step step(VM vm, String command) throws IOException {
        console.append("$ ").append(command).append('\n');
        Transcript transcript = new Transcript(SHOWN);
        try (VMProcess process = vm.start(shell(command))) {
            process.stdin().close();
            Reader output = process.stdoutReader();
            char[] piece = new char[8192];
            for (int length; (length = output.read(piece)) >= 0; ) {
                console.append(CharBuffer.wrap(piece, 0, length));
                transcript.append(piece, length);
            }
            return new Step(command, process.waitFor(), transcript.toString());
        } catch (IOException e) {
            if (e.getCause() instanceof AgentVMException lost) {
                throw lost;
            }
            throw e;
        }
    }

    /** With both outputs in one, as on a terminal. */
    static Command shell(String command) {
        return inWork("/bin/sh", "-c", "exec 2>&1\n" + command).withUser(USER);
    }

    private static Command inWork(String program, String... arguments) {
        return Command.of(program, arguments).withWorkingDirectory(WORK).withTimeout(STEP_TIMEOUT);
    }

    /** What one of the harness's own commands prints, whole and byte for byte. */
    private static byte[] output(VM vm, String what, Command command) throws IOException {
        ExecResult result = vm.exec(command.withUser(USER));
        if (!result.success()) {
            throw new IOException(
                    "The VM cannot " + what + ": " + result.stderrText().strip());
        }
        return result.stdout();
    }

    /** The file is there as a whole or not at all. */
    private static void write(Path file, byte[] content) throws IOException {
        Path part = Files.createTempFile(file.toAbsolutePath().getParent(), "patch", ".part");
        try {
            Files.write(part, content);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
