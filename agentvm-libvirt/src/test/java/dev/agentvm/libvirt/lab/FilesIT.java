package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestAgentException;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.Hypervisor;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files of a real guest, which may be hostile, full, or gone; {@code -Dagentvm.soak=true} for 100 MiB. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class FilesIT {
    private static final int MIB = 1024 * 1024;

    private static Hypervisor hypervisor;
    private static VM vm;
    private static VMFiles files;

    @TempDir
    Path temporary;

    @BeforeAll
    static void launch() {
        hypervisor = LibvirtHypervisor.connect();
        // Its files are in its memory.
        vm = hypervisor.launch(Lab.tiny("files")
                .withResources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(Lab.soak() ? 768 : 256)
                        .diskGiB(1)
                        .build()));
        files = vm.files();
    }

    @AfterAll
    static void close() {
        hypervisor.close();
        Leftovers.assertNone();
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static Reason reason(Callable<?> call) {
        GuestFileException failure = catchThrowableOfType(GuestFileException.class, call::call);
        assertThat(failure).isNotNull();
        return failure.reason();
    }

    private List<String> here() throws IOException {
        try (Stream<Path> all = Files.walk(temporary)) {
            return all.map(path -> temporary.relativize(path).toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void copy_muchBothWays_isByteIdentical() throws IOException {
        int mib = Lab.soak() ? 100 : 8;
        int size = mib * MIB;
        Path in = Files.createDirectory(temporary.resolve("in"));
        Files.write(in.resolve("big"), random(size));
        for (int i = 0; i < 50; i++) {
            Files.write(in.resolve("small-" + i), random(i * 100));
        }

        long begin = System.nanoTime();
        CopyReport report = files.copyIn(in, "/tmp/tree");
        long between = System.nanoTime();
        CopyReport back = files.copyOut("/tmp/tree", temporary.resolve("out"));
        long end = System.nanoTime();

        assertThat(report.entries()).isEqualTo(51);
        assertThat(back.bytes()).isEqualTo(report.bytes());
        assertThat(Files.mismatch(in.resolve("big"), temporary.resolve("out/big")))
                .isEqualTo(-1);
        for (int i = 0; i < 50; i++) {
            assertThat(temporary.resolve("out/small-" + i)).hasBinaryContent(random(i * 100));
        }
        System.out.printf(
                "%d MiB: in at %.1f MiB/s, out at %.1f MiB/s%n",
                mib, mib * 1e9 / (between - begin), mib * 1e9 / (end - between));
        files.deleteRecursively("/tmp/tree");
    }

    private interface Entries {
        void write(TarArchiveOutputStream tar) throws IOException;
    }

    /** A stream that no tar makes. */
    private static byte[] stream(Entries entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes, StandardCharsets.UTF_8.name())) {
            entries.write(tar);
        }
        return bytes.toByteArray();
    }

    private static void put(TarArchiveOutputStream tar, TarArchiveEntry entry, String link, String content)
            throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        entry.setLinkName(link);
        entry.setSize(bytes.length);
        tar.putArchiveEntry(entry);
        tar.write(bytes);
        tar.closeArchiveEntry();
    }

    private static TarArchiveEntry entry(String name, byte kind) {
        return new TarArchiveEntry(name, kind, true);
    }

    /**
     * Lets the guest's tar be another program while something is done. Its busybox shell knows no other tar than its own, so
     * the shell is replaced too: by one that sees what it is asked for.
     */
    private static void withTar(String script, Lab.Body body) throws Exception {
        String shell = files.stat("/bin/sh").linkTarget().orElseThrow();
        program("/bin/tar.other", script);
        program("/bin/sh.other", """
                case $2 in
                  'command -v tar'*) exec /bin/tar.other ;;
                esac
                exec /bin/busybox sh "$@"
                """);
        Lab.output(vm, Command.of("ln", "-sf", "sh.other", "/bin/sh"));
        try {
            body.run();
        } finally {
            Lab.output(vm, Command.of("ln", "-sf", shell, "/bin/sh"));
        }
    }

    private static void program(String path, String script) {
        files.write(path, ("#!/bin/busybox sh\n" + script + "\n").getBytes(StandardCharsets.UTF_8), "0755");
    }

    @Test
    void copyOut_hostileTar_writesNothingElsewhere() throws Exception {
        Files.writeString(temporary.resolve("secret"), "secret");
        List<String> before = here();
        List<byte[]> streams = List.of(
                stream(tar -> put(tar, entry("../evil", TarConstants.LF_NORMAL), "", "x")),
                stream(tar -> put(tar, entry(temporary + "/evil", TarConstants.LF_NORMAL), "", "x")),
                stream(tar -> {
                    put(tar, entry("d", TarConstants.LF_SYMLINK), temporary.toString(), "");
                    put(tar, entry("d/evil", TarConstants.LF_NORMAL), "", "x");
                }),
                stream(tar -> {
                    put(tar, entry("f", TarConstants.LF_SYMLINK), temporary + "/secret", "");
                    put(tar, entry("f", TarConstants.LF_NORMAL), "", "x");
                }),
                stream(tar -> put(tar, entry("h", TarConstants.LF_LINK), "../secret", "")),
                stream(tar -> put(tar, entry("h", TarConstants.LF_LINK), temporary + "/secret", "")),
                new byte[100],
                new byte[0]);
        CopyOptions options = CopyOptions.standard().withOutsideLinks(true);
        for (byte[] stream : streams) {
            files.write("/tmp/stream", stream);
            withTar(
                    "exec cat /tmp/stream",
                    () -> assertThat(reason(() -> files.copyOut("/tmp", temporary.resolve("out"), options)))
                            .isEqualTo(Reason.MALFORMED));
            assertThat(here()).isEqualTo(before);
        }
        assertThat(temporary.resolve("secret")).hasContent("secret");
    }

    @Test
    void copyOut_devicesAndPipes_areLeftOut() throws Exception {
        Lab.output(
                vm,
                Command.shell(
                        "mkdir -p /tmp/odd && cd /tmp/odd && mkfifo pipe && mknod device c 1 3"
                                + " && echo x >file && ln file hard && ln -s /etc/passwd outside && ln -s file inside"
                                + " && echo y >\"$(printf 'no-utf-8-\\377')\" && chmod 666 file"
                                // A socket, which its maker puts elsewhere.
                                + " && syslogd -O /tmp/log && : >socket && until mount --bind /dev/log socket; do sleep 0.1; done"));

        CopyReport report = files.copyOut("/tmp/odd", temporary.resolve("out"));

        assertThat(report.leftOut())
                .containsExactlyInAnyOrder("./pipe", "./device", "./outside", "./socket", "./no-utf-8-?");
        assertThat(report.narrowed()).contains("./file");
        assertThat(Files.getPosixFilePermissions(temporary.resolve("out/file")))
                .doesNotContain(PosixFilePermission.OTHERS_WRITE, PosixFilePermission.GROUP_WRITE);
        assertThat(here()).containsExactly("", "out", "out/file", "out/hard", "out/inside");
        assertThat(temporary.resolve("out/inside")).isSymbolicLink().hasContent("x");
        Lab.output(
                vm,
                Command.shell("umount /tmp/odd/socket; kill $(cat /run/syslogd.pid /var/run/syslogd.pid | head -n 1)"));
        files.deleteRecursively("/tmp/odd");
    }

    @Test
    void copyOut_endlessTar_isStoppedWithWhatItStarted() throws Exception {
        byte[] lying = stream(tar -> {
            TarArchiveEntry entry = entry("f", TarConstants.LF_NORMAL);
            entry.setSize(0);
            tar.putArchiveEntry(entry);
            tar.closeArchiveEntry();
        });
        files.write("/tmp/stream", lying);
        // An archive, and then what has no end.
        withTar(
                "cat /tmp/stream; exec sh -c 'exec cat /dev/zero'",
                () -> assertThat(reason(() -> files.copyOut("/tmp", temporary.resolve("out"))))
                        .isEqualTo(Reason.MALFORMED));

        assertThat(here()).containsExactly("");
        assertThat(Lab.output(vm, Command.shell("ps -o args | grep -c '[c]at /dev/zero' || :")))
                .isEqualTo("0");
    }

    @Test
    void write_diskFull_saysSoAndKeepsWhatWasThere() throws Exception {
        Lab.output(vm, Command.shell("mkdir -p /small && mount -t tmpfs -o size=1m none /small"));
        try {
            files.writeText("/small/f", "old");
            Files.write(temporary.resolve("big"), random(3 * MIB));

            assertThat(reason(() -> {
                        files.write("/small/f", random(2 * MIB));
                        return 0;
                    }))
                    .isEqualTo(Reason.NO_SPACE);
            assertThat(files.list("/small")).extracting(file -> file.name()).containsExactly("f");
            assertThat(files.readText("/small/f", 10)).isEqualTo("old");
            assertThat(reason(() -> files.copyIn(temporary, "/small/in"))).isEqualTo(Reason.NO_SPACE);
        } finally {
            Lab.output(vm, Command.of("umount", "/small"));
        }
    }

    @Test
    void copyIn_vmDestroyedMeanwhile_throwsThatWithinASecondWhateverWayItGoes() throws Exception {
        Files.write(temporary.resolve("big"), random(30 * MIB));
        VM other = hypervisor.launch(Lab.tiny("destroyed"));
        List<CompletableFuture<Long>> ends = new ArrayList<>();
        CountDownLatch allBegun = new CountDownLatch(3);
        // Two by the ports, and one that finds them taken.
        for (int i = 0; i < 3; i++) {
            String target = "/tmp/in-" + i;
            CompletableFuture<Long> begun = new CompletableFuture<>();
            CopyOptions options = CopyOptions.standard().toBuilder()
                    .listener((entries, bytes) -> {
                        if (begun.complete(bytes)) {
                            allBegun.countDown();
                            await(allBegun);
                        }
                    })
                    .build();
            ends.add(CompletableFuture.supplyAsync(
                    () -> {
                        assertThatThrownBy(() -> other.files().copyIn(temporary, target, options))
                                .isInstanceOf(VMDestroyedException.class);
                        return System.nanoTime();
                    },
                    task -> new Thread(task).start()));
            begun.get(1, TimeUnit.MINUTES);
        }

        other.destroy();
        long destroyed = System.nanoTime();

        for (CompletableFuture<Long> end : ends) {
            assertThat(end.get(1, TimeUnit.MINUTES) - destroyed).isLessThan(TimeUnit.SECONDS.toNanos(1));
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(1, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void copyOut_vmDestroyedMeanwhile_throwsThatWithinASecond() throws Exception {
        VM other = hypervisor.launch(Lab.tiny("destroyed"));
        Lab.output(other, Command.shell("head -c 30000000 /dev/zero >/tmp/f"));
        CompletableFuture<Long> begun = new CompletableFuture<>();
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> begun.complete(bytes))
                .build();
        CompletableFuture<CopyReport> copy =
                CompletableFuture.supplyAsync(() -> other.files().copyOut("/tmp", temporary.resolve("out"), options));
        begun.get(1, TimeUnit.MINUTES);

        other.destroy();
        long destroyed = System.nanoTime();

        CompletionException failure = catchThrowableOfType(CompletionException.class, copy::join);
        assertThat(System.nanoTime() - destroyed).isLessThan(TimeUnit.SECONDS.toNanos(1));
        assertThat(failure).hasCauseInstanceOf(VMDestroyedException.class);
        assertThat(here()).containsExactly("");
    }

    /** How many of the guest's programs have a port open; the agent is one. */
    private static int portsOpen() {
        return Integer.parseInt(
                Lab.output(vm, Command.shell("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c vport || :")));
    }

    private static void awaitNoPortOpen() {
        Awaitility.await().atMost(Duration.ofSeconds(20)).until(FilesIT::portsOpen, open -> open == 1);
    }

    @Test
    void copy_bothWays_goesByAPort() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("big"), random(4 * MIB));
        List<Integer> open = new ArrayList<>();
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> open.add(portsOpen()))
                .build();

        files.copyIn(temporary.resolve("in"), "/tmp/by-port", options);
        assertThat(open).first(InstanceOfAssertFactories.INTEGER).isGreaterThan(1);
        open.clear();
        files.copyOut("/tmp/by-port", temporary.resolve("out"), options);
        assertThat(open).first(InstanceOfAssertFactories.INTEGER).isGreaterThan(1);

        files.deleteRecursively("/tmp/by-port");
        awaitNoPortOpen();
    }

    @Test
    void copy_moreThanThereArePorts_areAllComplete() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(2 * MIB));
        List<CompletableFuture<CopyReport>> copies = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            String place = "/tmp/many-" + i;
            Path out = temporary.resolve("out-" + i);
            copies.add(CompletableFuture.supplyAsync(
                    () -> {
                        files.copyIn(temporary.resolve("in"), place);
                        return files.copyOut(place, out);
                    },
                    task -> new Thread(task).start()));
        }
        for (int i = 0; i < 4; i++) {
            copies.get(i).join();
            assertThat(temporary.resolve("out-" + i + "/f")).hasBinaryContent(random(2 * MIB));
            files.deleteRecursively("/tmp/many-" + i);
        }
    }

    @Test
    void copy_guestHoldsThePorts_goesAnotherWay() throws Exception {
        int size = (Lab.soak() ? 100 : 1) * MIB;
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(size));
        try (VMProcess holder = vm.start(Command.shell("""
                for name in /sys/class/virtio-ports/*/name; do
                  case $(cat $name) in
                    dev.agentvm.*)
                      port=${name%/name}
                      cat /dev/zero >/dev/${port##*/} &
                      ;;
                  esac
                done
                echo held
                wait
                """))) {
            assertThat(holder.stdoutReader().readLine()).isEqualTo("held");
            files.copyIn(temporary.resolve("in"), "/tmp/held");
            files.copyOut("/tmp/held", temporary.resolve("out"));
        }
        assertThat(Files.mismatch(temporary.resolve("in/f"), temporary.resolve("out/f")))
                .isEqualTo(-1);
        files.deleteRecursively("/tmp/held");
        awaitNoPortOpen();
    }

    @Test
    void copyIn_tarThatLeavesItUnread_holdsNothingUpWhenItIsGivenUp() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(20 * MIB));
        List<String> tars = List.of("exec sleep 4718", "head -c 1000000 >/dev/null; exec sleep 4718");
        for (String tar : tars) {
            withTar(tar, () -> {
                CompletableFuture<Throwable> end = new CompletableFuture<>();
                Thread copying = new Thread(() -> {
                    try {
                        files.copyIn(temporary.resolve("in"), "/tmp/unread");
                        end.complete(new AssertionError("it was copied"));
                    } catch (AgentVMException e) {
                        end.complete(e);
                    }
                });
                copying.start();
                Thread.sleep(2000);
                long begin = System.nanoTime();
                copying.interrupt();
                assertThat(end.get(20, TimeUnit.SECONDS)).hasMessageContaining("interrupted");
                assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(5));
            });
            // What was on its way is in no other copy.
            awaitNoPortOpen();
            for (int i = 0; i < 2; i++) {
                files.copyIn(temporary.resolve("in"), "/tmp/read");
                files.copyOut("/tmp/read", temporary.resolve("out"));
                assertThat(Files.mismatch(temporary.resolve("in/f"), temporary.resolve("out/f")))
                        .isEqualTo(-1);
                Files.delete(temporary.resolve("out/f"));
                Files.delete(temporary.resolve("out"));
                files.deleteRecursively("/tmp/read");
            }
        }
        assertThat(Lab.output(vm, Command.shell("ps -o args | grep -c '[s]leep 4718' || :")))
                .isEqualTo("0");
    }

    @Test
    void copyIn_nothingIsTaken_endsInAMinuteOrSoAndNamesThePort() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(20 * MIB));
        withTar("exec sleep 4719", () -> {
            long begin = System.nanoTime();
            assertThatThrownBy(() -> files.copyIn(temporary.resolve("in"), "/tmp/stalled"))
                    .isInstanceOf(GuestAgentException.class)
                    .hasMessageContaining("the port dev.agentvm.bulk.0 takes nothing");
            assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(90));
        });
        awaitNoPortOpen();
    }

    @Test
    void copyOut_programThatKeepsThePort_isInNoOtherCopy() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(MIB));
        files.copyIn(temporary.resolve("in"), "/tmp/kept");
        files.write("/tmp/stream", stream(tar -> put(tar, entry("f", TarConstants.LF_NORMAL), "", "x")));
        withTar("cat /tmp/stream; setsid sh -c 'echo $$ >/tmp/pid; while :; do echo ../garbage; done' &", () -> {
            try {
                files.copyOut("/tmp/kept", temporary.resolve("first"));
            } catch (GuestFileException e) {
                // What comes behind an archive may or may not be too much, by the time.
                assertThat(e.reason()).isEqualTo(Reason.MALFORMED);
            }
        });
        assertThat(portsOpen()).isGreaterThan(1);
        for (String out : List.of("one", "two")) {
            files.copyOut("/tmp/kept", temporary.resolve(out));
            assertThat(temporary.resolve(out + "/f")).hasBinaryContent(random(MIB));
        }
        Lab.output(vm, Command.shell("kill -9 $(cat /tmp/pid)"));
        files.deleteRecursively("/tmp/kept");
        awaitNoPortOpen();
    }

    @Test
    void copy_byAUserOfTheGroup_isByteIdentical() throws Exception {
        Path work = Files.createTempDirectory("of-the-group");
        try {
            Files.write(Files.createDirectory(work.resolve("in")).resolve("big"), random(4 * MIB));
            Lab.host("chown", "-R", "65534:65534", work.toString());
            // The capability lets it read the class path, which is not its own.
            Process program = OtherJvm.start(
                    List.of(
                            "setpriv",
                            "--reuid=65534",
                            "--regid=65534",
                            "--groups=" + Lab.host("sh", "-c", "getent group libvirt | cut -d : -f 3"),
                            "--inh-caps=-all,+dac_read_search",
                            "--ambient-caps=+dac_read_search"),
                    OfTheGroup.class,
                    vm.name(),
                    work.toString());
            String output = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

            assertThat(program.waitFor()).as(output).isZero();
            assertThat(Files.mismatch(work.resolve("in/big"), work.resolve("out/big")))
                    .isEqualTo(-1);
            assertThat(Files.getOwner(work.resolve("out/big")).getName()).isEqualTo("nobody");
        } finally {
            Lab.host("rm", "-rf", work.toString());
        }
    }

    /** A program of a user who may use libvirt, and nothing else. */
    static final class OfTheGroup {
        private OfTheGroup() {}

        /** Copies a tree into the VM of that name, and out again by a port. */
        public static void main(String[] args) {
            Path work = Path.of(args[1]);
            try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                            .stateDirectory(work.resolve("state"))
                            .connect();
                    VM found = hypervisor.find(args[0]).orElseThrow()) {
                List<String> open = new ArrayList<>();
                CopyOptions options = CopyOptions.standard().toBuilder()
                        .listener((entries, bytes) -> open.add(Lab.output(
                                found, Command.shell("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c vport || :"))))
                        .build();
                found.files().copyIn(work.resolve("in"), "/tmp/of-the-group", options);
                found.files().copyOut("/tmp/of-the-group", work.resolve("out"), options);
                found.files().deleteRecursively("/tmp/of-the-group");
                if (open.stream().noneMatch(count -> Integer.parseInt(count) > 1)) {
                    throw new IllegalStateException("no copy went by a port");
                }
            }
        }
    }

    @Test
    void copy_guestWithoutTar_saysSo() throws Exception {
        withTar("echo 'tar: not found' >&2; exit 127", () -> {
            assertThat(reason(() -> files.copyOut("/etc", temporary.resolve("out"))))
                    .isEqualTo(Reason.NO_TAR);
            assertThat(reason(() -> files.copyIn(temporary, "/tmp/in"))).isEqualTo(Reason.NO_TAR);
        });
    }

    /** Puts an agent that does not permit these calls in the place of the usual one, until there is a file {@code /tmp/permit}. */
    private static void block(String calls) {
        String script = """
                rm -f /tmp/permit
                keeper=$(ps -o pid,args | while read -r pid args; do
                  case $args in
                    */sbin/agent) echo "$pid" ;;
                  esac
                done)
                kill -STOP $keeper
                usual=$(tr '\\0' ' ' </proc/$(pidof qemu-ga)/cmdline)
                sleep 0.3
                kill -9 $(pidof qemu-ga)
                $usual -b CALLS &
                until [ -e /tmp/permit ]; do sleep 0.1; done
                kill -9 $!
                kill -CONT $keeper
                """.replace("CALLS", calls);
        Lab.output(vm, Command.of("sh", "-c", "setsid sh -c \"$0\" </dev/null >/dev/null 2>&1 &", script));
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
            try {
                vm.exec(Command.of("true"));
                return false;
            } catch (GuestAgentException e) {
                return e.getMessage().contains("does not permit");
            }
        });
    }

    /** By what is still permitted. */
    private static void permitAgain(String call) {
        Lab.host("virsh", "-q", "qemu-agent-command", vm.id().toString(), call);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .until(() -> vm.exec(Command.of("true")).success());
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = " | ",
            quoteCharacter = '`',
            value = {
                "guest-exec | {'execute': 'guest-file-open', 'arguments': {'path': '/tmp/permit', 'mode': 'w'}}",
                "guest-file-open,guest-file-seek"
                        + " | {'execute': 'guest-exec', 'arguments': {'path': '/bin/touch', 'arg': ['/tmp/permit']}}"
            })
    void calls_agentBlocksThem_areNamedWithTheSettingByWhateverNeedsThem(String blocked, String permit) {
        block(blocked);

        // A handle that has made no use of the agent yet, as after a boot.
        try (VM found = hypervisor.find(vm.name()).orElseThrow()) {
            List<ThrowingCallable> uses = List.of(
                    () -> found.exec(Command.of("sleep", "4720")),
                    () -> found.start(Command.of("sleep", "4720")),
                    () -> found.files().readText("/etc/passwd", MIB),
                    () -> found.files().writeText("/tmp/f", "x"),
                    () -> found.files().copyOut("/etc", temporary.resolve("out")));
            for (ThrowingCallable use : uses) {
                assertThatThrownBy(use)
                        .isInstanceOf(GuestAgentException.class)
                        .hasMessageContaining("does not permit " + blocked.replace(",", ", ") + ".")
                        .hasMessageContaining("out of BLOCK_RPCS")
                        .hasMessageContaining("--allow-rpcs in FILTER_RPC_ARGS, in /etc/sysconfig/qemu-ga");
            }
        }

        permitAgain(permit.replace('\'', '"'));
        assertThat(Lab.output(vm, Command.shell("ps -o args | grep -c '[s]leep 4720' || :")))
                .isEqualTo("0");
    }

    @Test
    void copyIn_asUser_belongsToThatUser() throws Exception {
        Files.write(Files.createDirectory(temporary.resolve("in")).resolve("f"), random(MIB));
        Lab.output(vm, Command.shell("mkdir -m 777 -p /tmp/open"));
        files.asUser("nobody").copyIn(temporary.resolve("in"), "/tmp/open/tree");
        assertThat(Lab.output(vm, Command.shell("stat -c %U /tmp/open/tree/f"))).isEqualTo("nobody");
        Lab.output(vm, Command.shell("chmod 000 /tmp/open/tree/f; chown 0 /tmp/open/tree/f"));
        assertThat(reason(() -> files.asUser("nobody").copyOut("/tmp/open/tree", temporary.resolve("out"))))
                .isEqualTo(Reason.NOT_PERMITTED);
        files.deleteRecursively("/tmp/open");
    }

    @Test
    void copy_interruptedWhileTheGuestStandsStill_stops() throws Exception {
        withTar("exec sleep 4717", () -> {
            CompletableFuture<Throwable> end = new CompletableFuture<>();
            Thread copying = new Thread(() -> {
                try {
                    files.copyOut("/tmp", temporary.resolve("out"));
                    end.complete(new AssertionError("it was copied"));
                } catch (AgentVMException e) {
                    end.complete(Thread.currentThread().isInterrupted() ? e : new AssertionError(e));
                }
            });
            copying.start();
            Thread.sleep(1500);
            copying.interrupt();

            assertThat(end.get(20, TimeUnit.SECONDS))
                    .isInstanceOf(AgentVMException.class)
                    .hasMessageContaining("interrupted");
        });
        assertThat(here()).containsExactly("");
        assertThat(Lab.output(vm, Command.shell("ps -o args | grep -c '[s]leep 4717' || :")))
                .isEqualTo("0");
    }
}
