package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StandardErrorTest {
    @Test
    void failures_printNothing_alsoAfterGarbageCollection() throws Exception {
        assertThat(run()).isEmpty();
    }

    @Test
    void failures_printAsLibvirtDoes_ifAskedTo() throws Exception {
        assertThat(run("-D" + NativeLibvirt.KEEP_ERROR_FUNCTION + "=true")).contains("Domain not found");
    }

    /** Under LANG=C too, text that is not ASCII must come through. */
    private static String run(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path")));
        if (Runtime.version().feature() >= 22) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(List.of(options));
        command.add(Main.class.getName());
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("LC_ALL", "C");
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        Process process = builder.start();
        String error = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(output).isEqualTo("done");
        return error;
    }

    /** The program of the other process. */
    static final class Main {
        private Main() {}

        public static void main(String[] args) {
            try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of(TestDriver.URI))) {
                for (int i = 0; i < 20; i++) {
                    System.gc();
                    try {
                        libvirt.domains().resume(new DomainRef(UUID.randomUUID(), "nobody"));
                        throw new AssertionError("resumed nobody");
                    } catch (VMNotFoundException expected) {
                        System.gc();
                    }
                }
                String note = "gr\u00fcn \u65e5\u672c";
                DomainRef domain =
                        libvirt.domains().create(TestDriver.domain("note", UUID.randomUUID(), note), Set.of());
                if (!libvirt.domains().xml(domain).contains(note)) {
                    throw new AssertionError("text was damaged");
                }
                libvirt.domains().destroy(domain);
            }
            System.out.print("done");
        }
    }
}
