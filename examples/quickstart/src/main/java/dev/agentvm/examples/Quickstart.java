package dev.agentvm.examples;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.Isolation;
import dev.agentvm.LaunchOptions;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;

/**
 * Shows a VM's life: the steps of its launch, commands in it, what it reaches and what it does not, its end.
 *
 * <p>It runs in the lab ({@code lab/quickstart}), whose pretend Internet it takes its addresses from and whose guest has
 * the {@code probe} program that it calls.
 */
public final class Quickstart {
    private static final String[] COLUMNS = {"%-46s", "%-22s", "%s"};

    private final VM vm;
    private final NetworkAttachment network;
    private int surprises;

    private Quickstart(VM vm) {
        this.vm = vm;
        this.network = vm.attachment().orElseThrow();
    }

    /** Runs the tour; ends with status 1 if anything is not as the policy says. */
    public static void main(String[] args) throws IOException {
        Properties internet = new Properties();
        Path facts = Path.of(System.getenv().getOrDefault("AGENTVM_LAB_HOME", "lab"), "internet.properties");
        try (Reader reader = Files.newBufferedReader(facts, StandardCharsets.UTF_8)) {
            internet.load(reader);
        }
        VMTemplate template = new VMTemplate.Builder().name("vm").build();
        LaunchOptions options = new LaunchOptions.Builder()
                .listener((step, time) -> print("  %7s  %s", seconds(time), step))
                .build();

        int surprises;
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            print("Launching '%s' from a template that has nothing but its name", template.name());
            try (VM vm = hypervisor.launch(template, options)) {
                surprises = new Quickstart(vm).tour(internet);
                print("%nClosing '%s'", vm.name());
            }
            print("Running VMs of this library: %d", hypervisor.list().size());
        }
        System.exit(surprises == 0 ? 0 : 1);
    }

    private int tour(Properties internet) {
        vm.warnings().forEach(warning -> print("  note: %s", warning));
        Isolation isolation = vm.isolation();
        print(
                "%nIt runs on %s, as user %s, seccomp mode %s, in a mount namespace of its own: %s, filter %s",
                isolation.accelerator(),
                isolation.uid().orElse(-1),
                isolation.seccompMode().orElse(-1),
                isolation.ownMountNamespace().orElse(false),
                isolation.filter().orElse("none"));

        print("%nCommands in the guest");
        show(Command.of("uname", "-sr"));
        show(Command.shell("echo out; echo err >&2; exit 3"));
        show(Command.of("wc", "-c").withStdinText("sixteen bytes in"));

        print("%nWhat it reaches, and what it does not");
        String www = internet.getProperty("WWW_ADDRESS");
        String git = internet.getProperty("GIT_ADDRESS");
        tcp("Internet, SSH", git, 22);
        tcp("Internet, HTTP", www, 80);
        tcp("Internet, HTTPS", www, 443);
        tcp("Internet, git", git, 9418);
        probe("Internet, ping " + www, "ping " + www, Flow.ping(www), "reply");
        String resolver = network.resolvers().get(0).toString();
        probe(
                "DNS, www.example.com at " + resolver,
                "dns " + resolver + " " + internet.getProperty("WWW_NAME"),
                Flow.udp(resolver, 53),
                www);
        tcp("Internet, another port", www, 8080);
        tcp("the host, by its gateway address", network.gateway().orElseThrow().toString(), 22);
        tcp("the host, by its outside address", internet.getProperty("LAB_OUTSIDE_ADDRESS"), 22);
        for (String address : internet.getProperty("PRIVATE_ADDRESSES").split(",")) {
            boolean metadata = address.equals(internet.getProperty("METADATA_ADDRESS"));
            tcp(metadata ? "cloud metadata" : "a private network", address, 80);
        }
        return surprises;
    }

    private void show(Command command) {
        ExecResult result = vm.exec(command);
        print(
                "  %-40s exit %d in %s%n%s%s",
                String.join(" ", command.argv()),
                result.exitCode().orElse(-1),
                seconds(result.duration()),
                indented("out", result.stdoutText()),
                indented("err", result.stderrText()).stripTrailing());
    }

    private void tcp(String what, String address, int port) {
        probe(
                what + ", " + address + ":" + port,
                "tcp " + address + " " + port + " 1000",
                Flow.tcp(address, port),
                "open");
    }

    /** What the policy says must be what the guest sees. */
    private void probe(String what, String arguments, Flow flow, String success) {
        Verdict verdict = NetworkPolicy.agentDefault().evaluate(flow, network);
        String seen = vm.exec(Command.shell("probe " + arguments)).stdoutText().strip();
        boolean agrees = verdict.allowed() == seen.contains(success);
        surprises += agrees ? 0 : 1;
        print(
                "  " + String.join(" ", COLUMNS) + "%s",
                what,
                seen.lines().findFirst().orElse("no answer"),
                verdict.outcome() + ": " + verdict.reason(),
                agrees ? "" : "   <-- NOT AS THE POLICY SAYS");
    }

    private static String indented(String stream, String text) {
        return text.isEmpty() ? "" : text.lines().reduce("", (all, line) -> all + "    " + stream + "| " + line + "\n");
    }

    private static String seconds(Duration time) {
        return String.format("%.2f s", time.toMillis() / 1000.0);
    }

    private static void print(String format, Object... values) {
        System.out.println(String.format(format, values));
    }
}
