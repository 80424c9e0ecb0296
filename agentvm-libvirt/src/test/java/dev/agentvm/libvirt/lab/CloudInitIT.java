package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.cloudinit.CloudInitFile;
import dev.agentvm.cloudinit.CloudInitUser;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.NetworkMode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A template's cloud-init, in a guest that has Debian's; and the disk that carries it there. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class CloudInitIT {
    private static final String SECRET = "hush-" + System.nanoTime();
    /** All that is hard to quote, and all bytes. */
    private static final String AWKWARD = "]}\n#: {\"'`$HOME\\n %s \t ä😀 - key: [value] *x &y !z |\n";

    private static final VMTemplate DEBIAN = new VMTemplate.Builder()
            .name("Cloud_1")
            .image(GuestImage.named("debian"))
            .resources(
                    new Resources.Builder().vcpus(2).memoryMiB(768).diskGiB(2).build())
            .build();

    /** Where alice has her key pair, {@code id} and {@code id.pub}, and what she knows of the guest. */
    @TempDir
    static Path home;

    @BeforeAll
    static void aliceMakesAKey() {
        Lab.host(
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                "alice",
                "-f",
                home.resolve("id").toString());
    }

    private static String key() throws IOException {
        return Files.readString(home.resolve("id.pub")).strip();
    }

    private static byte[] allBytes() {
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    /** {@code openssl passwd -6 -salt agentvmsalt}, of the secret. */
    private static String passwordHash() {
        return Lab.host("openssl", "passwd", "-6", "-salt", "agentvmsalt", SECRET);
    }

    private static CloudInit wanted() throws IOException {
        return new CloudInit.Builder()
                .hostName("builder.example.com")
                .addUser(new CloudInitUser.Builder()
                        .name("alice")
                        .addSshKey(key())
                        .passwordHash(passwordHash())
                        .sudo(true)
                        .build())
                .addUser(new CloudInitUser.Builder().name("bob").build())
                // The lab's apt repository, in place of Debian's, which the lab does not have.
                .addFile(new CloudInitFile.Builder()
                        .path("/etc/apt/keyrings/lab.asc")
                        .content(Files.readAllBytes(Path.of(Lab.environment("AGENTVM_LAB_APT_KEY"))))
                        .build())
                .addFile(new CloudInitFile.Builder()
                        .path("/etc/apt/sources.list")
                        .text("deb [signed-by=/etc/apt/keyrings/lab.asc] https://" + Lab.fact("DEB_NAME")
                                + " stable main\n")
                        .build())
                .addPackages("greeting")
                .addFile(new CloudInitFile.Builder()
                        .path("/etc/agentvm test/all-bytes")
                        .content(allBytes())
                        .permissions("0640")
                        .build())
                .addFile(new CloudInitFile.Builder()
                        .path("/home/alice/notes/awkward")
                        .text(AWKWARD)
                        .permissions("0600")
                        .owner("alice:alice")
                        .build())
                .addCommands("printf %s '" + AWKWARD.replace("'", "'\\''") + "' >/root/awkward; exit 3")
                .addCommands("id -u >/root/second")
                .build();
    }

    @Test
    void launch_cloudInit_makesTheGuestWhatTheTemplateSays() throws Exception {
        VMTemplate template = DEBIAN.withCloudInit(wanted());
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            ExecResult status = vm.exec(new Command.Builder()
                    .addArgv("cloud-init", "status", "--wait", "--long")
                    .timeout(Duration.ofMinutes(5))
                    .build());
            assertThat(status.success()).as(status.stdoutText()).isTrue();
            assertThat(shell(vm, "cat /run/cloud-init/result.json"))
                    .contains("DataSourceNoCloud [seed=/dev/vdb]", "\"errors\": []");

            assertThat(shell(vm, "cat /proc/sys/kernel/hostname")).isEqualTo("builder");
            assertThat(shell(vm, "cloud-init query instance_id"))
                    .isEqualTo(vm.id().toString());
            assertThat(shell(vm, "cat /home/alice/.ssh/authorized_keys")).contains(key());
            assertThat(shell(vm, "stat -c '%U %a' /home/alice/.ssh/authorized_keys"))
                    .isEqualTo("alice 600");
            assertThat(shell(vm, "sed -n 's/^alice:\\([^:]*\\):.*/\\1/p' /etc/shadow"))
                    .isEqualTo(passwordHash());
            assertThat(shell(vm, "sed -n 's/^bob:\\([^:]*\\):.*/\\1/p' /etc/shadow"))
                    .startsWith("!");
            assertThat(shell(vm, "su alice -c 'sudo -n id -u'")).isEqualTo("0");
            assertThat(vm.exec(Command.of("su", "bob", "-c", "sudo -n id -u")).success())
                    .isFalse();

            assertThat(vm.exec(Command.of("cat", "/etc/agentvm test/all-bytes")).stdout())
                    .isEqualTo(allBytes());
            assertThat(shell(vm, "stat -c '%U:%G %a' '/etc/agentvm test/all-bytes'"))
                    .isEqualTo("root:root 640");
            assertThat(vm.exec(Command.of("cat", "/home/alice/notes/awkward")).stdoutText())
                    .isEqualTo(AWKWARD);
            assertThat(shell(vm, "stat -c '%U:%G %a' /home/alice/notes/awkward"))
                    .isEqualTo("alice:alice 600");
            assertThat(vm.exec(Command.of("cat", "/root/awkward")).stdoutText()).isEqualTo(AWKWARD);
            assertThat(shell(vm, "cat /root/second")).isEqualTo("0");
            assertThat(shell(vm, "grep -rh MACAddress /etc/systemd/network"))
                    .contains(vm.attachment().orElseThrow().mac().toString());

            assertThat(shell(vm, "greeting")).isEqualTo("hello from apt");

            aGuestMountsTheSeed(vm);
            theSeedIsTheGuestsAlone(vm);
            aliceLogsInWhereTheFilterLetsHer(vm);
        }
        Leftovers.assertNone();
    }

    private static String shell(VM vm, String script) {
        return Lab.output(vm, Command.of("sh", "-c", script));
    }

    /** Nobody reaches a VM; so that she does, its filter is taken off. */
    private static void aliceLogsInWhereTheFilterLetsHer(VM vm) throws IOException {
        String address = vm.attachment().orElseThrow().address().toString();
        Path known = home.resolve("known_hosts");
        Files.writeString(known, address + " " + shell(vm, "cat /etc/ssh/ssh_host_ed25519_key.pub"));
        String[] login = {
            "ssh",
            "-i",
            home.resolve("id").toString(),
            "-o",
            "UserKnownHostsFile=" + known,
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=20",
            "alice@" + address,
            "id -un; hostname"
        };
        assertThatThrownBy(() -> Lab.host(login)).hasMessageContaining("Connection timed out");
        Lab.unfilter(vm);
        assertThat(Lab.host(login)).isEqualTo("alice\nbuilder");
    }

    private static void aGuestMountsTheSeed(VM vm) {
        assertThat(shell(vm, "blkid -s LABEL -o value /dev/vdb")).isEqualTo("cidata");
        assertThat(shell(vm, "cat /sys/block/vdb/ro")).isEqualTo("1");
        assertThat(shell(vm, "mkdir /mnt/seed && mount -o ro /dev/vdb /mnt/seed && ls /mnt/seed"))
                .isEqualTo("meta-data\nnetwork-config\nuser-data");
        assertThat(shell(vm, "head -n 1 /mnt/seed/user-data")).isEqualTo("#cloud-config");
        // Byte by byte what another reader finds on the host.
        Path seed = seed(vm);
        for (String name : List.of("meta-data", "network-config", "user-data")) {
            assertThat(shell(vm, "sha256sum </mnt/seed/" + name))
                    .as(name)
                    .isEqualTo(Lab.host("sh", "-c", "isoinfo -J -x /" + name + " -i " + seed + " | sha256sum"))
                    .isNotEqualTo(Lab.host("sh", "-c", "sha256sum </dev/null"));
        }
        assertThat(vm.exec(Command.of("sh", "-c", "echo >/dev/vdb")).success())
                .as("the guest writes its seed")
                .isFalse();
        // The names for readers that know no Joliet.
        shell(vm, "umount /mnt/seed && mount -o ro,nojoliet /dev/vdb /mnt/seed");
        assertThat(shell(vm, "ls /mnt/seed")).isEqualTo("metadata\nnetworkc\nuserdata");
    }

    private static Path seed(VM vm) {
        return Path.of("/var/lib/libvirt/agentvm", vm.id() + "-seed.iso");
    }

    /** Nobody on the host but root and QEMU reads it, while the VM runs and before. */
    private static void theSeedIsTheGuestsAlone(VM vm) throws Exception {
        Path seed = seed(vm);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(seed)))
                .isEqualTo("rw-------");
        assertThat(Files.getOwner(seed).getName()).isEqualTo("libvirt-qemu");

        // Another reader of the same bytes.
        assertThat(Lab.host("isoinfo", "-d", "-i", seed.toString()))
                .contains("Volume id: cidata", "Joliet with UCS level 3 found");
        assertThat(Lab.host("isoinfo", "-J", "-f", "-i", seed.toString()).lines())
                .containsExactly("/meta-data", "/network-config", "/user-data");
        assertThat(Lab.host("isoinfo", "-f", "-i", seed.toString()).lines())
                .containsExactly("/METADATA.;1", "/NETWORKC.;1", "/USERDATA.;1");
        assertThat(Lab.host("isoinfo", "-J", "-x", "/meta-data", "-i", seed.toString()))
                .isEqualTo("{\"instance-id\":\"" + vm.id() + "\",\"local-hostname\":\"builder.example.com\"}");
        assertThat(Lab.host("isoinfo", "-J", "-x", "/user-data", "-i", seed.toString()))
                .startsWith("#cloud-config\n{")
                .contains("\"packages\":[\"greeting\"]", key());
    }

    @Test
    void launch_noCloudInit_leavesTheGuestsAsItIs() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(DEBIAN.withNetworkMode(NetworkMode.ISOLATED))) {
            assertThat(vm.exec(Command.of("cloud-init", "status")).stdoutText()).contains("disabled");
            assertThat(shell(vm, "ls /sys/block | grep -c ^vd")).isEqualTo("1");
            assertThat(shell(vm, "systemctl show --property ActiveState,ConditionResult ssh"))
                    .isEqualTo("ActiveState=inactive\nConditionResult=no");
            assertThat(shell(vm, "cat /proc/sys/kernel/hostname")).isEqualTo("debian");
        }
    }

    @Test
    void launch_isolated_needsNoNetworkConfiguration() {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("Tiny_1")
                        .withNetworkMode(NetworkMode.ISOLATED)
                        .withCloudInit(new CloudInit.Builder().build()))) {
            String seed =
                    Path.of("/var/lib/libvirt/agentvm", vm.id() + "-seed.iso").toString();
            assertThat(Lab.host("isoinfo", "-J", "-f", "-i", seed).lines()).containsExactly("/meta-data", "/user-data");
        }
        Leftovers.assertNone();
    }

    private static final String SECRET_CONTENT = "content-" + SECRET;
    private static final String SECRET_COMMAND = "echo command-" + SECRET;

    @Test
    void launch_failsAfterTheSeedWasMade_removesItAndTellsNobodyOfSecrets() throws Exception {
        String hash = passwordHash();
        Process program = OtherJvm.start(
                List.of("env", "JAVA_TOOL_OPTIONS=-Dslf4j.provider=" + LogToOutput.class.getName()),
                TwoFailures.class,
                hash,
                SECRET_CONTENT,
                SECRET_COMMAND);
        String told = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(program.waitFor()).as(told).isZero();
        assertThat(told)
                .contains("enough at DISK_MADE", "enough at RESUMED", "LaunchFailed", "<domain type=", "LOG DEBUG dev.")
                .contains("vm-secrets", "CloudInit{");
        String daemons = Lab.host("sh", "-c", "cat /var/log/libvirt/*.log /var/log/libvirt/*/*.log");
        assertThat(daemons).contains("vm-secrets");
        for (String secret : List.of(hash, SECRET_CONTENT, SECRET_COMMAND)) {
            String coded = Base64.getEncoder().encodeToString(secret.getBytes(StandardCharsets.UTF_8));
            assertThat(told + daemons).doesNotContain(secret, coded);
        }
        Leftovers.assertNone();
    }

    /** A program whose launches fail after the seed was made, and which prints all that it gets to see of them. */
    static final class TwoFailures {
        private TwoFailures() {}

        /** Makes them, with that password hash, content of a file, and command. */
        public static void main(String[] args) {
            VMTemplate template = Lab.tiny("vm-secrets")
                    .withCloudInit(new CloudInit.Builder()
                            .addUser(new CloudInitUser.Builder()
                                    .name("alice")
                                    .passwordHash(args[0])
                                    .build())
                            .addFile(new CloudInitFile.Builder()
                                    .path("/root/secret")
                                    .text(args[1])
                                    .build())
                            .addCommands(args[2])
                            .build());
            System.out.println(template);
            try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
                hypervisor.events().listen(System.out::println);
                for (LaunchStep step : List.of(LaunchStep.DISK_MADE, LaunchStep.RESUMED)) {
                    LaunchOptions failing = LaunchOptions.standard().withListener((done, time) -> {
                        if (done == step) {
                            show(step, args);
                            throw new IllegalStateException("enough at " + step);
                        }
                    });
                    try (VM vm = hypervisor.launch(template, failing)) {
                        throw new AssertionError(vm + " was launched");
                    } catch (AgentVMException | IllegalStateException e) {
                        e.printStackTrace(System.out);
                    }
                    Leftovers.assertNone();
                }
            }
        }

        private static void show(LaunchStep step, String[] secrets) {
            String seed = Lab.host("sh", "-c", "cat /var/lib/libvirt/agentvm/*-seed.iso | tr '\\0' ' '");
            String content = Base64.getEncoder().encodeToString(secrets[1].getBytes(StandardCharsets.UTF_8));
            assertThat(seed).contains(secrets[0], content, secrets[2]);
            System.out.println(Lab.host(
                    "sh", "-c", "find /var/lib/agentvm -path '*/images' -prune -o -type f -exec head -c 1000000 {} +"));
            if (step == LaunchStep.RESUMED) {
                System.out.println(Lab.host("virsh", "-q", "dumpxml", "--security-info", "vm-secrets"));
            }
        }
    }
}
