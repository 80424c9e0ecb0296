package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is streamed and copied may be many times the heap of the program, and is the same at the other end. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class BoundedHeapIT {
    private static final int HEAP_MIB = Lab.soak() ? 64 : 32;
    private static final int MIB = Lab.soak() ? 1024 : 48;

    @TempDir
    private Path temporary;

    @Test
    void copiesAndOutput_moreThanTheHeap_areByteIdentical() throws Exception {
        Process program = OtherJvm.start(
                List.of("env", "JAVA_TOOL_OPTIONS=-Xmx" + HEAP_MIB + "m"),
                Transfer.class,
                temporary.toString(),
                Integer.toString(MIB));
        String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        System.out.print(said);

        assertThat(program.waitFor()).as(said).isZero();
        List<String> words = List.of(said.strip().split(" "));
        assertThat(Integer.parseInt(words.get(0))).as("heap in MiB").isLessThanOrEqualTo(HEAP_MIB);
        assertThat(words.subList(1, words.size()))
                .hasSize(3)
                .containsOnly(digest(Files.newInputStream(temporary.resolve("in/random"))));
        Leftovers.assertNone();
    }

    private static String digest(InputStream stream) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] buffer = new byte[64 * 1024];
        try (stream) {
            for (int n = stream.read(buffer); n >= 0; n = stream.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Copies a file in, reads it from a command's output, copies it out, and says its heap and what it saw. */
    static final class Transfer {
        private Transfer() {}

        public static void main(String[] arguments) throws Exception {
            Path directory = Path.of(arguments[0]);
            int mib = Integer.parseInt(arguments[1]);
            Path in = Files.createDirectory(directory.resolve("in"));
            write(in.resolve("random"), mib);
            Resources roomy = new Resources.Builder()
                    .vcpus(1)
                    .memoryMiB(mib + 256)
                    .diskGiB(1)
                    .build();

            try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                    VM vm = hypervisor.launch(Lab.tiny("streaming").withResources(roomy))) {
                Lab.output(vm, Command.shell("mkdir /big && mount -t tmpfs -o size=95% none /big"));
                vm.files().copyIn(in, "/big");
                String inGuest = Lab.output(vm, Command.shell("sha256sum </big/random | cut -d' ' -f1"));
                String streamed;
                try (VMProcess process = vm.start(Command.of("cat", "/big/random"))) {
                    streamed = digest(process.stdout());
                }
                vm.files().copyOut("/big", directory.resolve("out"));
                String copied = digest(Files.newInputStream(directory.resolve("out/random")));
                System.out.println(String.join(
                        " ", Long.toString(Runtime.getRuntime().maxMemory() >> 20), inGuest, streamed, copied));
            }
        }

        private static void write(Path file, int mib) throws IOException {
            Random random = new Random(mib);
            byte[] piece = new byte[1 << 20];
            try (OutputStream stream = Files.newOutputStream(file)) {
                for (int i = 0; i < mib; i++) {
                    random.nextBytes(piece);
                    stream.write(piece);
                }
            }
        }
    }
}
