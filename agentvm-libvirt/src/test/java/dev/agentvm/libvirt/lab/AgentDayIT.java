package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What agents do all day, with the programs that they use, on the Debian guest under the default policy. {@code
 * -Dagentvm.soak=true} for 100 MiB.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class AgentDayIT {
    private static final int MIB = 1024 * 1024;
    private static final String REPOSITORY = Lab.fact("GIT_NAME") + "/" + Lab.fact("GIT_REPOSITORY");
    private static final Map<String, String> ENVIRONMENT = Map.ofEntries(
            Map.entry("deb", "https://" + Lab.fact("DEB_NAME")),
            Map.entry("npm_config_registry", "https://" + Lab.fact("NPM_NAME")),
            Map.entry("PIP_INDEX_URL", "https://" + Lab.fact("PYPI_NAME") + "/simple"),
            Map.entry("repository", REPOSITORY),
            Map.entry("api", "https://" + Lab.fact("API_NAME")),
            Map.entry("token", Lab.fact("TOKEN")));

    private static Hypervisor hypervisor;
    private static VM vm;
    private static VMFiles files;

    @TempDir
    Path temporary;

    @BeforeAll
    static void launch() {
        hypervisor = LibvirtHypervisor.connect();
        vm = hypervisor.launch(new VMTemplate.Builder()
                .name("debian")
                .image(GuestImage.named("debian"))
                .build());
        files = vm.files();
    }

    @AfterAll
    static void close() {
        hypervisor.close();
        Leftovers.assertNone();
    }

    @Test
    void agent_packagesRepositoriesAndApis_worksUnderTheDefaultPolicy() throws IOException {
        Lab.awaitNetwork(vm);

        installsPackages(vm);
        clonesAndPushes(vm);
        callsAnApi(vm);

        assertThat(vm.connectionLog().attempts())
                .filteredOn(attempt -> attempt.flow().etherType() == Frames.IPV4)
                .isNotEmpty()
                .allMatch(attempt -> attempt.verdict().filter(Verdict::allowed).isPresent());
    }

    @Test
    void agent_writesAProgram_compilesAndRunsIt() {
        files.asUser("agent").writeText("/home/agent/hello.cc", """
                #include <cstdio>
                template <int... numbers> int product() { return (numbers * ...); }
                int main() { std::printf("%d\\n", product<6, 7>()); }
                """);

        assertThat(run(vm, "agent", "g++ -o hello hello.cc\n./hello")).isEqualTo("42");
    }

    /** Moved by perl, which the tiny guest does not have. */
    @Test
    void start_manyLinesAndMuchOutput_areExact() throws Exception {
        int size = (Lab.soak() ? 100 : 8) * MIB;
        Lab.output(vm, Command.shell("head -c " + size + " /dev/urandom >/root/bytes"));
        try (VMProcess process = vm.start(
                Command.shell(
                        "exec 3<&0; seq 20 | while read -r i; do echo $i; read -r go <&3; done; pgrep -cf '^agentvm /'; cat /root/bytes"))) {
            InputStream stdout = process.stdout();
            for (int i = 1; i <= 20; i++) {
                assertThat(line(stdout)).isEqualTo(Integer.toString(i));
                process.stdin().write('\n');
            }
            assertThat(line(stdout)).isEqualTo("1");
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            try (InputStream bytes = new DigestInputStream(stdout, digest)) {
                assertThat(bytes.transferTo(OutputStream.nullOutputStream())).isEqualTo(size);
            }
            assertThat(Lab.output(vm, Command.of("sha256sum", "/root/bytes")))
                    .startsWith(HexFormat.of().formatHex(digest.digest()));
        }
        files.delete("/root/bytes");
    }

    private static String line(InputStream stream) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = stream.read(); c != '\n'; c = stream.read()) {
            assertThat(c).isNotNegative();
            line.append((char) c);
        }
        return line.toString();
    }

    @Test
    void copy_muchBothWays_isByteIdentical() throws IOException {
        int size = (Lab.soak() ? 100 : 24) * MIB;
        Path in = temporary.resolve("in");
        Files.createDirectories(in.resolve("d"));
        byte[] big = new byte[size];
        new Random(1).nextBytes(big);
        Files.write(in.resolve("d/big"), big);
        Files.writeString(in.resolve("run"), "#!/bin/sh\n");
        Files.setPosixFilePermissions(in.resolve("run"), PosixFilePermissions.fromString("rwxr-x--x"));
        Files.createSymbolicLink(in.resolve("link"), Path.of("d/big"));
        // What GNU's tar finds in its way it replaces.
        Lab.output(vm, Command.shell("mkdir -p /root/tree /root/outside && ln -s ../outside /root/tree/d"));

        files.copyIn(in, "/root/tree");
        assertThat(Lab.output(vm, Command.of("sha256sum", "/root/tree/d/big")))
                .startsWith(
                        Lab.host("sha256sum", in.resolve("d/big").toString()).substring(0, 64));
        files.copyOut("/root/tree", temporary.resolve("out"));

        assertThat(Files.mismatch(in.resolve("d/big"), temporary.resolve("out/d/big")))
                .isEqualTo(-1);
        assertThat(temporary.resolve("out/link")).isSymbolicLink();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(temporary.resolve("out/run"))))
                .isEqualTo("rwxr-x--x");
        assertThat(files.list("/root/outside")).isEmpty();
        files.deleteRecursively("/root/tree");
    }

    @Test
    void copy_guestWithoutTar_saysSo() throws Exception {
        Files.writeString(Files.createDirectories(temporary.resolve("in/d")).resolve("f"), "x");
        Lab.output(vm, Command.of("mv", "/usr/bin/tar", "/usr/bin/tar.away"));
        try {
            List<ThrowingCallable> copies = List.of(
                    () -> files.copyOut("/etc/hostname", temporary.resolve("out")),
                    () -> files.copyIn(temporary.resolve("in"), "/root/in"));
            for (ThrowingCallable copy : copies) {
                assertThatThrownBy(copy)
                        .isInstanceOf(GuestFileException.class)
                        .hasMessageContaining("the guest has no tar")
                        .extracting(failure -> ((GuestFileException) failure).reason())
                        .isEqualTo(Reason.NO_TAR);
            }
        } finally {
            Lab.output(vm, Command.of("mv", "/usr/bin/tar.away", "/usr/bin/tar"));
        }
    }

    @Test
    void fullDisk_ofTheGuest_isSaidByWhatWritesAndKeepsWhatIsThere() throws Exception {
        Files.write(temporary.resolve("f"), new byte[2 * MIB]);
        files.writeText("/root/kept", "old");
        // All but 4 MiB at once, which writes nothing.
        Lab.output(vm, Command.shell("""
                cd /root
                fallocate -l $(($(stat -f -c '%f * %S' .) - 4194304)) fill.most
                ! dd if=/dev/zero of=fill.rest bs=64k 2>/dev/null
                sync
                """));
        try {
            List<ThrowingCallable> writes = List.of(
                    () -> files.write("/root/kept", new byte[MIB / 2]),
                    () -> files.write("/root/kept", new byte[2 * MIB]),
                    () -> files.append("/root/kept", new byte[MIB / 2]),
                    () -> files.copyIn(temporary, "/root/in"));
            for (ThrowingCallable write : writes) {
                assertThatThrownBy(write)
                        .isInstanceOf(GuestFileException.class)
                        .extracting(failure -> ((GuestFileException) failure).reason())
                        .isEqualTo(Reason.NO_SPACE);
            }
            assertThat(files.readText("/root/kept", MIB)).startsWith("old");
            assertThat(Lab.output(vm, Command.shell("echo works"))).isEqualTo("works");
            try (VMProcess process = vm.start(Command.shell("echo more >/root/new || echo full"))) {
                assertThat(process.stdoutReader().readLine()).isEqualTo("full");
            }
            assertThat(Lab.output(vm, Command.shell("ls -A /root | grep agentvm || :")))
                    .isEmpty();
        } finally {
            Lab.output(vm, Command.shell("rm -rf /root/fill.* /root/in /root/new"));
        }
        files.writeText("/root/kept", "new");
        files.copyIn(temporary, "/root/in");
        assertThat(files.readText("/root/kept", MIB)).isEqualTo("new");
    }

    /** As docs/commands.md says. */
    @Test
    void exec_forkBombWithinItsBounds_isKilledWhenItsTimeIsOver() {
        files.write(
                "/home/agent/build.sh",
                "#!/bin/bash\nbomb() { bomb | bomb & }; bomb; sleep 1000\n".getBytes(StandardCharsets.UTF_8),
                "0755");
        Command build = Command.shell("ulimit -u 200 2>/dev/null || ulimit -p 200; exec ./build.sh")
                .withWorkingDirectory("/home/agent")
                .withUser("agent")
                .withTimeout(Duration.ofSeconds(2));

        assertThatThrownBy(() -> vm.exec(build))
                .isInstanceOf(CommandTimeoutException.class)
                .hasMessageContaining("it was killed, with all its processes except daemons")
                .hasMessageContaining("fork: retry: Resource temporarily unavailable");

        assertThat(Lab.output(vm, Command.shell("ps -u agent -o args= | grep -c '[b]uild.sh' || :")))
                .isEqualTo("0");
    }

    @Test
    void exec_fileSystemsFrozen_saysSo() {
        Lab.host("virsh", "-q", "domfsfreeze", vm.id().toString());
        try {
            assertThatThrownBy(() -> vm.exec(Command.of("true")))
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("frozen; thaw them");
        } finally {
            Lab.host("virsh", "-q", "domfsthaw", vm.id().toString());
        }
        assertThat(vm.exec(Command.of("true")).success()).isTrue();
    }

    private static void installsPackages(VM vm) {
        String apt = run(vm, "root", """
                curl --silent --show-error --fail --output /etc/apt/keyrings/lab.asc $deb/archive-key.asc
                echo "deb [signed-by=/etc/apt/keyrings/lab.asc] $deb stable main" >/etc/apt/sources.list
                apt-get --quiet update
                apt-get --quiet --yes install greeting
                greeting""");
        assertThat(apt).endsWith("\nhello from apt");

        String npm = run(vm, "agent", """
                npm install greeting
                node_modules/.bin/greeting""");
        assertThat(npm).endsWith("\nhello from npm");

        String pip = run(vm, "agent", """
                pip install --user --break-system-packages greeting
                .local/bin/greeting""");
        assertThat(pip).endsWith("\nhello from pypi");
    }

    private static void clonesAndPushes(VM vm) throws IOException {
        put(vm, "id", "AGENTVM_LAB_SSH_KEY");
        put(vm, "known_hosts", "AGENTVM_LAB_SSH_KNOWN_HOSTS");
        // The token comes from the environment, so that it stands in no file.
        String commits = run(vm, "agent", """
                git config --global user.name agent
                git config --global user.email agent@example.com
                git config --global credential.helper '!f() { echo username=agent; echo password=$token; }; f'
                git config --global core.sshCommand 'ssh -i ~/.ssh/id -o StrictHostKeyChecking=yes'
                git clone --quiet git://$repository by-git
                for url in https://$repository ssh://git@$repository; do
                  scheme=${url%%:*}
                  git clone --quiet $url by-$scheme
                  cd by-$scheme
                  git commit --quiet --allow-empty --message "Work"
                  git push --quiet origin HEAD:by-$scheme
                  printf '%s\\trefs/heads/%s\\n' $(git rev-parse HEAD) by-$scheme
                  cd ..
                done""");
        assertThat(Lab.host("git", "ls-remote", "git://" + REPOSITORY, "by-*")).isEqualTo(commits);
        assertThat(commits).hasLineCount(2);
    }

    private static void callsAnApi(VM vm) {
        String answer = run(vm, "agent", """
                curl --silent --show-error --fail --header "Authorization: Bearer $token" \\
                  --json '{"prompt": "hello"}' $api/v1/messages""");
        assertThat(answer).isEqualTo("{\"path\": \"/v1/messages\", \"got\": {\"prompt\": \"hello\"}}");
    }

    /** What a script prints, which starts where that user is at home; it must succeed. */
    private static String run(VM vm, String user, String script) {
        return Lab.output(
                vm,
                Command.shell("set -e; cd\n" + script)
                        .withUser(user)
                        .withEnvironment(ENVIRONMENT)
                        .withTimeout(Duration.ofMinutes(4)));
    }

    private static void put(VM vm, String name, String variable) throws IOException {
        byte[] content = Files.readAllBytes(Path.of(Lab.environment(variable)));
        Lab.output(
                vm,
                Command.shell("umask 077; mkdir -p ~/.ssh; cat >~/.ssh/" + name)
                        .withUser("agent")
                        .withStdin(content));
    }
}
