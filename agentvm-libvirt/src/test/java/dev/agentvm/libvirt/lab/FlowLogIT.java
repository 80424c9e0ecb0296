package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.DocumentedUnit;
import dev.agentvm.libvirt.FlowLogService;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.flowlog.ServiceTaps;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.Flow;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Programs that may not read taps see what their own VMs do, by a service that may. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class FlowLogIT {
    /** libvirt serves only users that the host knows by name. */
    private static final String USER = "games";

    private static final String OTHER_USER = "backup";
    private static final String WWW = Lab.fact("WWW_ADDRESS");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    /** The service with the group and the rights that its unit gives it, and no others. */
    private static Process service(Path socket) throws IOException {
        assertThat(DocumentedUnit.value("NoNewPrivileges")).contains("yes");
        String rights = DocumentedUnit.value("CapabilityBoundingSet").orElseThrow();
        return OtherJvm.start(
                List.of(
                        "setpriv",
                        "--regid=" + DocumentedUnit.value("Group").orElseThrow(),
                        "--clear-groups",
                        "--no-new-privs",
                        "--bounding-set=-all,+" + rights.replace("CAP_", "").toLowerCase(Locale.ROOT),
                        "--inh-caps=-all"),
                FlowLogService.class,
                "--socket",
                socket.toString());
    }

    /** A program of a user in the group libvirt. So that it may read these tests it has a right to read all files. */
    private static Process program(String user, Class<?> main, String... arguments) throws IOException {
        return OtherJvm.start(
                List.of(
                        "setpriv",
                        "--reuid=" + user,
                        "--regid=libvirt",
                        "--clear-groups",
                        "--inh-caps=-all,+dac_read_search",
                        "--ambient-caps=-all,+dac_read_search",
                        "--bounding-set=-all,+dac_read_search"),
                main,
                arguments);
    }

    @Test
    void service_toAProgramWithoutRights_showsItsOwnVMAndNobodyElseIt() throws Exception {
        Path directory = Files.createTempDirectory("flowlog");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path socket = directory.resolve("flowlog.sock");
        Process service = service(socket);
        Process program = null;
        try (BufferedReader serviceSays = output(service)) {
            assertThat(serviceSays.readLine()).isEqualTo("agentvm-flowlog listens at " + socket);
            program = program(USER, Watching.class, directory.toString());
            try (BufferedReader programSays = output(program)) {
                assertThat(programSays.readLine()).isEqualTo("may not capture");
                String vm = programSays.readLine();
                assertThat(programSays.readLine()).isEqualTo("443 ALLOWED, 8080 REFUSED, lost 0");

                Process other = program(OTHER_USER, Asking.class, socket.toString(), vm);
                assertThat(new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                        .contains("refuses: the user " + OTHER_USER + " has launched no VM " + vm);
                assertThat(other.waitFor()).isZero();
                try (ServiceTaps root = new ServiceTaps(socket)) {
                    assertThatThrownBy(() -> root.open(UUID.fromString(vm), "any"))
                            .hasMessageContaining("has launched no VM");
                }

                program.getOutputStream().close();
                assertThat(programSays.readLine()).isEqualTo("closed");
                assertThat(program.waitFor()).isZero();
            }
        } finally {
            if (program != null) {
                program.destroyForcibly().waitFor();
            }
            service.destroy();
            service.waitFor();
        }
    }

    /** A key that it does not know it would pass over, and leave unprotected what that should protect. */
    @Test
    void unit_ofTheDocs_isUnderstoodBySystemd(@TempDir Path directory) throws IOException {
        Path unit = directory.resolve("agentvm-flowlog.service");
        String java = ProcessHandle.current().info().command().orElseThrow();
        Files.writeString(unit, DocumentedUnit.text().replace("/usr/bin/java", java));

        assertThat(Lab.host("systemd-analyze", "verify", unit.toString())).isEmpty();

        Files.writeString(
                unit, DocumentedUnit.text().replace("/usr/bin/java", java).replace("ProtectHome", "ProtectHoem"));
        assertThat(Lab.host("systemd-analyze", "verify", unit.toString())).contains("Unknown key 'ProtectHoem'");
    }

    private static BufferedReader output(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Launches a VM, lets it speak, and says what was seen of that; closes it when its input ends. */
    static final class Watching {
        private Watching() {}

        /** Where the socket is, and what it writes may be. */
        public static void main(String[] args) throws IOException {
            Path directory = Path.of(args[0]);
            System.out.println(PacketSocket.permitted() ? "may capture" : "may not capture");
            try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                            .flowLogSocket(directory.resolve("flowlog.sock"))
                            .stateDirectory(directory.resolve("state"))
                            .connect();
                    VM vm = hypervisor.launch(Lab.tiny("watched"))) {
                System.out.println(vm.id());
                Lab.awaitNetwork(vm);
                Lab.probe(vm, "tcp", WWW, "443");
                Lab.probe(vm, "tcp", WWW, "8080");
                Awaitility.await()
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> !outcome(vm.connectionLog(), 8080).isEmpty());
                ConnectionLog log = vm.connectionLog();
                System.out.println("443 " + outcome(log, 443) + ", 8080 " + outcome(log, 8080) + ", lost " + log.lost()
                        + log.limitation().orElse(""));
                System.out.flush();
                while (System.in.read() >= 0) {
                    System.out.flush();
                }
            }
            System.out.println("closed");
        }

        private static String outcome(ConnectionLog log, int port) {
            return log.attempts().stream()
                    .filter(attempt -> attempt.flow().ipProtocol().orElse(-1) == Flow.TCP
                            && attempt.flow().destinationPort().orElse(-1) == port)
                    .map(attempt -> attempt.verdict().orElseThrow().outcome().name())
                    .reduce("", String::concat);
        }
    }

    /** Asks for somebody's VM, and says what it was told. */
    static final class Asking {
        private Asking() {}

        /** The socket, and the VM. */
        public static void main(String[] args) {
            try (ServiceTaps taps = new ServiceTaps(Path.of(args[0]));
                    Tap tap = taps.open(UUID.fromString(args[1]), "any")) {
                System.out.println("it sees " + tap);
            } catch (IOException e) {
                System.out.println(e.getMessage());
            }
        }
    }
}
