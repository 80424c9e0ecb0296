package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestImage;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** The lab that these tests run in. */
public final class Lab {
    private static final Properties FACTS = facts();

    private Lab() {}

    private static Properties facts() {
        Path file = Path.of(environment("AGENTVM_LAB_HOME"), "internet.properties");
        Properties facts = new Properties();
        try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            facts.load(reader);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return facts;
    }

    /** A variable that the lab sets; a test outside the lab fails here. */
    static String environment(String name) {
        return Objects.requireNonNull(
                System.getenv(name), () -> name + " is not set: these tests run in the lab, by lab/verify");
    }

    /** A fact of {@code lab/internet.properties}. */
    static String fact(String key) {
        return Objects.requireNonNull(FACTS.getProperty(key), () -> "lab/internet.properties lacks " + key);
    }

    /** A fact that is a list. */
    static List<String> facts(String key) {
        return Arrays.asList(fact(key).split(","));
    }

    /** Whether the long forms of tests run. */
    public static boolean soak() {
        return Boolean.getBoolean("agentvm.soak");
    }

    /** A template of the tiny guest that leaves room for others beside it. */
    public static VMTemplate tiny(String name) {
        return new VMTemplate.Builder()
                .name(name)
                .image(GuestImage.named("tiny"))
                .resources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(192)
                        .diskGiB(1)
                        .build())
                .build();
    }

    /** What a command in the guest prints; it must succeed. */
    public static String output(VM vm, Command command) {
        ExecResult result = vm.exec(command);
        assertThat(result.success())
                .as("%s: %s %s %s", command.argv(), result, result.stdoutText(), result.stderrText())
                .isTrue();
        return result.stdoutText().strip();
    }

    /** The agent answers before the guest has its address; programs in it wait for their resolver. */
    static void awaitNetwork(VM vm) {
        String resolver = vm.attachment().orElseThrow().resolvers().get(0).toString();
        String name = fact("WWW_NAME");
        Awaitility.await()
                .atMost(Duration.ofSeconds(40))
                .until(() -> probe(vm, "dns", resolver, name), answer -> answer.contains(fact("WWW_ADDRESS")));
        assertThat(output(vm, Command.of("ip", "-4", "-o", "addr", "show")))
                .contains(vm.attachment().orElseThrow().address() + "/24");
    }

    /** What the guest's probe says, its first line. */
    static String probe(VM vm, String... arguments) {
        ExecResult result = vm.exec(
                new Command.Builder().addArgv("probe").addArgv(arguments).build());
        return result.stdoutText().strip().lines().findFirst().orElse("silent");
    }

    /** Lets the guest send a frame as it is. */
    static void send(VM vm, byte[] frame) {
        assertThat(probe(vm, "frame", "eth0", HexFormat.of().formatHex(frame))).startsWith("sent");
    }

    /** What the pretend Internet has noted of payloads that hold {@code text}: a line for each. */
    static List<String> arrived(String text) {
        try {
            return Files.readAllLines(Path.of(environment("AGENTVM_LAB_INTERNET_LOG")), StandardCharsets.UTF_8).stream()
                    .filter(line -> !line.contains(" tcp-open "))
                    .filter(line -> line.contains(text))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Where the guest sends what leaves its network; it must have spoken to its gateway. */
    static String gatewayMac(VM vm) {
        String gateway = vm.attachment().orElseThrow().gateway().orElseThrow().toString();
        return output(vm, Command.shell("ip neigh show " + gateway + " | sed 's/.*lladdr \\([^ ]*\\).*/\\1/'"));
    }

    /** A VM's end on the host. */
    static String tap(VM vm) {
        return tap(vm.id().toString());
    }

    /** The end on the host of the VM of that name or id. */
    static String tap(String domain) {
        return host("virsh", "-q", "domiflist", domain).strip().split(" +")[0];
    }

    /** Takes the filter off a running VM: what passes then shows that a probe can. */
    static void unfilter(VM vm) {
        host("virsh", "-q", "nwfilter-binding-delete", tap(vm));
    }

    /** What is done while something is changed. */
    interface Body {
        void run() throws Exception;
    }

    /** Sets a kernel parameter of the lab while {@code body} runs. */
    static void withSysctl(String name, String value, Body body) throws Exception {
        String before = host("sysctl", "-n", name);
        host("sysctl", "-qw", name + "=" + value);
        try {
            body.run();
        } finally {
            host("sysctl", "-qw", name + "=" + before);
        }
    }

    /** Runs a program of the host, and gives what it prints; it must succeed. */
    public static String host(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue())
                    .as("%s: %s", String.join(" ", command), output)
                    .isZero();
            return output.strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
