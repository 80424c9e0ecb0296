package dev.agentvm.examples.harness;

import dev.agentvm.AgentVMException;
import dev.agentvm.Hypervisor;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs the harness from the command line; in the lab:
 *
 * <pre>{@code
 * echo 'date >>README.md' |
 *     lab/run java -jar examples/harness/target/harness.jar https://git.example.com/hello.git /tmp/work.patch debian
 * }</pre>
 */
public final class Main {
    private static final String USAGE = """
            usage: harness REPOSITORY PATCH [IMAGE] <INSTRUCTION

            Clones REPOSITORY into a VM of IMAGE ('default' if not said), lets a scripted agent run each line of
            INSTRUCTION there, and writes what it has changed to PATCH, for 'git apply'.""";

    private Main() {}

    /** Ends with 0 if all commands succeeded, with 1 if one failed, with 2 if there is no repository or patch. */
    public static void main(String[] args) throws IOException {
        if (args.length < 2 || args.length > 3) {
            System.err.println(USAGE);
            System.exit(2);
        }
        Task task = new Task(args[0], new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
        Path patch = Path.of(args[1]);
        List<Step> done = List.of();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            done = new Harness(hypervisor, Harness.template(args.length > 2 ? args[2] : "default"), new Terminal())
                    .run(task, new ScriptedAgent(), patch);
        } catch (IOException | AgentVMException e) {
            System.err.println(e.getMessage());
            System.exit(2);
        }
        System.out.println("The patch is in " + patch);
        System.exit(done.stream().allMatch(step -> step.status().success()) ? 0 : 1);
    }
}
