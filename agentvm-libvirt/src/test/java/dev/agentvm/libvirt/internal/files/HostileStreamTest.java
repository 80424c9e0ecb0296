package dev.agentvm.libvirt.internal.files;

import static dev.agentvm.libvirt.internal.files.TarBytes.header;
import static dev.agentvm.libvirt.internal.files.TarBytes.octal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.agentvm.AgentVMException;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A guest whose {@code tar} says what it likes writes nowhere but into the directory that it was given. */
@Timeout(60)
class HostileStreamTest {
    private static final CopyOptions ALL_LINKS = CopyOptions.standard().withOutsideLinks(true);

    @TempDir
    Path temporary;

    private Path target;

    @BeforeEach
    void prepare() throws IOException {
        Files.createDirectories(temporary.resolve("outside"));
        Files.writeString(temporary.resolve("outside/secret"), "secret");
        Files.createDirectories(temporary.resolve("place"));
        target = temporary.resolve("place/target");
    }

    private CopyReport copy(InputStream stream, CopyOptions options) {
        return copy(new CannedProcess(stream, "", ExitStatus.exited(0)), options);
    }

    private CopyReport copy(CannedProcess process, CopyOptions options) {
        VMFiles files = new CommandFiles(
                "vm",
                command -> {
                    throw new AssertionError("nothing is executed");
                },
                command -> process,
                Ports.none());
        return files.copyOut("/src", target, options);
    }

    private CopyReport copy(TarBytes tar) {
        return copy(new ByteArrayInputStream(tar.ended()), CopyOptions.standard());
    }

    private static TarBytes tar() {
        return new TarBytes();
    }

    /** All that there is, without following links. */
    private Map<String, String> everything() throws IOException {
        Map<String, String> found = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(temporary)) {
            for (Path path : walk.toList()) {
                found.put(
                        temporary.relativize(path).toString(),
                        Files.isSymbolicLink(path)
                                ? "-> " + Files.readSymbolicLink(path)
                                : Files.isDirectory(path) ? "/" : Files.readString(path, StandardCharsets.ISO_8859_1));
            }
        }
        return found;
    }

    private void assertRefused(InputStream stream, CopyOptions options, Reason reason) throws IOException {
        Map<String, String> before = everything();

        GuestFileException refusal = catchThrowableOfType(GuestFileException.class, () -> copy(stream, options));

        assertThat(refusal).isNotNull();
        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(reason);
        assertThat(refusal).hasMessageStartingWith("copying '/src' to " + target + " of VM 'vm': ");
        assertThat(everything()).isEqualTo(before);
    }

    static Stream<Arguments> escapes() {
        // From where a copy is until it is complete.
        String out = "../../../outside";
        return Stream.of(
                arguments("up", tar().file("../evil", "x")),
                arguments("up by a long way", tar().file("a/b/../../../evil", "x")),
                arguments("absolute", tar().file("/tmp/agentvm-evil", "x")),
                arguments("absolute, in the old form", tar().entry("/tmp/agentvm-evil", '\0', new byte[1])),
                arguments("a directory above", tar().directory("..", 0777)),
                arguments("a link above", tar().link("../evil", '2', "x")),
                arguments("a hard link above", tar().link("../evil", '1', "x")),
                arguments("through a link", tar().link("d", '2', out).file("d/evil", "x")),
                arguments(
                        "through an absolute link", tar().link("d", '2', "/tmp").file("d/agentvm-evil", "x")),
                arguments(
                        "through two links",
                        tar().link("d", '2', out).link("e", '2', "d").file("e/evil", "x")),
                arguments(
                        "a directory through a link", tar().link("d", '2', out).directory("d/evil", 0755)),
                arguments("a link through a link", tar().link("d", '2', out).link("d/evil", '2', "x")),
                arguments(
                        "a link that is a directory then",
                        tar().link("d", '2', out).directory("d", 0777)),
                arguments("over a link", tar().link("f", '2', out + "/secret").file("f", "x")),
                arguments("a link over a file", tar().file("f", "x").link("f", '2', out)),
                arguments("a link over a directory", tar().directory("d/", 0755).link("d", '2', out)),
                arguments("a file twice", tar().file("f", "x").file("./f", "y")),
                arguments(
                        "a file that is a directory then", tar().file("f", "x").file("f/g", "y")),
                arguments("a hard link out", tar().link("h", '1', out + "/secret")),
                arguments("an absolute hard link", tar().link("h", '1', "/etc/passwd")),
                arguments(
                        "a hard link to a link out",
                        tar().link("l", '2', out + "/secret").link("h", '1', "l")),
                arguments(
                        "a hard link through a link out",
                        tar().link("l", '2', out).link("h", '1', "l/secret")),
                arguments("a hard link to nothing", tar().link("h", '1', "nothing")),
                arguments(
                        "a hard link to a directory", tar().directory("d", 0755).link("h", '1', "d")),
                arguments(
                        "a hard link over a link",
                        tar().file("f", "x").link("l", '2', out).link("l", '1', "f")),
                arguments(
                        "up in an extended header",
                        tar().pax('x', "path=../evil").file("f", "x")),
                arguments(
                        "up in a long name",
                        tar().entry("././@LongLink", 'L', "../evil\0".getBytes(StandardCharsets.UTF_8))
                                .file("f", "x")),
                arguments(
                        "NUL in an extended header", tar().pax('x', "path=a\0b").file("f", "x")),
                arguments("all of the copy", tar().file("./", "x").file(".", "x")),
                arguments("all of the copy a link", tar().link(".", '2', out)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("escapes")
    void copyOut_entryElsewhere_isRefusedAndLeavesNothing(String unused, TarBytes tar) throws IOException {
        assertRefused(new ByteArrayInputStream(tar.ended()), ALL_LINKS, Reason.MALFORMED);
    }

    @Test
    void copyOut_refusedManyTimes_leavesNoFilesOpen() throws IOException {
        byte[] stream = tar().file("a/b/f", "x")
                .link("a/b/l", '2', "/tmp")
                .file("a/b/l/g", "y")
                .ended();
        long before = openFiles();
        for (int i = 0; i < 50; i++) {
            assertThatThrownBy(() -> copy(new ByteArrayInputStream(stream), ALL_LINKS))
                    .isInstanceOf(GuestFileException.class);
        }
        assertThat(openFiles()).isLessThan(before + 50);
    }

    private static long openFiles() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    static Stream<Arguments> lies() {
        byte[] huge = header("f", '0', "", "", 0644);
        huge[124] = (byte) 0x80;
        Arrays.fill(huge, 129, 136, (byte) 0x7f);
        TarBytes.seal(huge);
        byte[] negative = header("f", '0', "", "", 0644);
        Arrays.fill(negative, 124, 136, (byte) 0xff);
        TarBytes.seal(negative);
        byte[] badSum = header("f", '0', octal(1), "", 0644);
        badSum[0] = 'g';
        String[] many = IntStream.range(0, 100).mapToObj(i -> "k" + i + "=v").toArray(String[]::new);
        return Stream.of(
                arguments(
                        "more than comes",
                        tar().raw(header("f", '0', octal(5000), "", 0644))
                                .raw(new byte[1000])
                                .unended()),
                arguments(
                        "a header that ends", Arrays.copyOf(tar().file("f", "x").unended(), 300)),
                arguments(
                        "padding that ends", Arrays.copyOf(tar().file("f", "x").unended(), 600)),
                arguments("no end", tar().file("f", "x").unended()),
                arguments("nothing", new byte[0]),
                arguments("a negative size", tar().raw(negative).ended()),
                arguments(
                        "a wrong checksum", tar().raw(badSum).raw(new byte[512]).ended()),
                arguments(
                        "a directory that holds bytes",
                        tar().entry("d", '5', new byte[10]).ended()),
                arguments(
                        "a link that holds bytes",
                        tar().entry("l", '2', new byte[10]).ended()),
                arguments(
                        "a device that holds bytes",
                        tar().entry("b", '4', new byte[10]).ended()),
                arguments(
                        "a bad extended size",
                        tar().pax('x', "size=-5").file("f", "x").ended()),
                arguments(
                        "a bad extended header",
                        tar().entry("pax", 'x', "99999999999 a=b\n".getBytes(StandardCharsets.UTF_8))
                                .file("f", "x")
                                .ended()),
                arguments(
                        "a long name of 100 MB",
                        tar().raw(header("n", 'L', octal(100_000_000), "", 0))
                                .raw(new byte[200_000])
                                .unended()),
                arguments(
                        "an extended header of 4 GB",
                        tar().raw(header("n", 'x', octal(1L << 32), "", 0))
                                .raw(new byte[200_000])
                                .unended()),
                arguments(
                        "many extended headers",
                        tar().pax('g', many).file("f", "x").ended()),
                arguments(
                        "a name of 3000 bytes",
                        tar().pax('x', "path=" + "n/".repeat(100) + "n".repeat(2900))
                                .file("f", "x")
                                .ended()),
                arguments(
                        "300 directories in each other",
                        tar().pax('x', "path=" + "d/".repeat(300) + "f")
                                .file("f", "x")
                                .ended()),
                arguments(
                        "holes in global headers",
                        IntStream.range(0, 10)
                                .mapToObj(i -> tar().pax('g', holes(1500)).link("p" + i, '6', ""))
                                .collect(TarBytes::new, (all, each) -> all.raw(each.unended()), (a, b) -> {})
                                .ended()),
                arguments("more behind its end", tar().raw(new byte[2_000_000]).unended()));
    }

    private static String[] holes(int count) {
        String[] holes = new String[2 * count];
        Arrays.setAll(holes, i -> i % 2 == 0 ? "GNU.sparse.offset=" + i : "GNU.sparse.numbytes=1");
        return holes;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("lies")
    void copyOut_streamThatLies_isRefusedAndLeavesNothing(String unused, byte[] stream) throws IOException {
        assertRefused(new ByteArrayInputStream(stream), CopyOptions.standard(), Reason.MALFORMED);
    }

    @Test
    void copyOut_moreBytesThanAllowed_areRefusedBeforeTheyCome() throws IOException {
        assertRefused(
                new ByteArrayInputStream(
                        tar().raw(header("f", '0', octal(1L << 32), "", 0644)).unended()),
                CopyOptions.standard().withMaxBytes(1 << 20),
                Reason.TOO_BIG);
        assertRefused(
                new ByteArrayInputStream(tar().file("a", "12").file("b", "34").ended()),
                CopyOptions.standard().withMaxBytes(3),
                Reason.TOO_BIG);
        assertThat(copy(
                                new ByteArrayInputStream(
                                        tar().file("a", "12").file("b", "34").ended()),
                                CopyOptions.standard().withMaxBytes(4))
                        .bytes())
                .isEqualTo(4);
    }

    @Test
    void copyOut_hardLinks_countAsWhatTheyBecome() throws IOException {
        TarBytes tar = tar().file("a", "12");
        IntStream.range(0, 10).forEach(i -> tar.link("l" + i, '1', "a"));
        assertRefused(
                new ByteArrayInputStream(tar.ended()), CopyOptions.standard().withMaxBytes(20), Reason.TOO_BIG);
    }

    @Test
    void copyOut_endlessEntries_areRefused() throws IOException {
        CopyOptions options = CopyOptions.standard().withMaxEntries(1000);
        assertRefused(endless(header("p", '6', octal(0), "", 0644)), options, Reason.TOO_BIG);
        assertRefused(endless(header("d", '5', octal(0), "", 0755)), options, Reason.TOO_BIG);
        assertRefused(endless(header("./", '5', octal(0), "", 0755)), options, Reason.MALFORMED);
    }

    @Test
    void copyOut_directoriesThatNoEntryTellsOf_countAsEntries() throws IOException {
        String deep = "d/".repeat(100) + "f";
        assertRefused(
                new ByteArrayInputStream(
                        tar().pax('x', "path=" + deep).file("f", "x").ended()),
                CopyOptions.standard().withMaxEntries(100),
                Reason.TOO_BIG);
        assertThat(copy(
                                new ByteArrayInputStream(tar().file("a/b/f", "x")
                                        .directory("a/b", 0755)
                                        .directory("c/", 0755)
                                        .ended()),
                                CopyOptions.standard())
                        .entries())
                .isEqualTo(5);
        delete(target);
        assertThat(copy(new ByteArrayInputStream(tar().link("d/e/l/", '2', "x").ended()), CopyOptions.standard())
                        .entries())
                .isEqualTo(3);
    }

    private static InputStream endless(byte[] bytes) {
        return new SequenceInputStream(Collections.enumeration(Collections.nCopies(100_000, bytes).stream()
                .map(ByteArrayInputStream::new)
                .toList()));
    }

    @Test
    void copyOut_devicesPipesAndOutsideLinks_areLeftOutAndNamed() throws IOException {
        CopyReport report = copy(tar().link("char", '3', "")
                .link("block", '4', "")
                .link("pipe", '6', "")
                .link("what", 'Z', "")
                .link("up", '2', "../x")
                .link("absolute", '2', "/etc/passwd")
                .link("winding", '2', "d/d/d/../../..")
                .link("d", '2', ".")
                .file("f", "x"));

        assertThat(report)
                .isEqualTo(new CopyReport(2, 1, List.of("char", "block", "pipe", "what", "up", "absolute", "winding")));
        assertThat(target.resolve("d")).isSymbolicLink();
        try (Stream<Path> list = Files.list(target)) {
            assertThat(list.map(path -> path.getFileName().toString())).containsExactlyInAnyOrder("d", "f");
        }
    }

    @Test
    void copyOut_linksOutsideWanted_areWrittenAsData() throws IOException {
        copy(new ByteArrayInputStream(tar().link("l", '2', "/etc/passwd").ended()), ALL_LINKS);

        assertThat(Files.readSymbolicLink(target.resolve("l"))).hasToString("/etc/passwd");
    }

    @Test
    void copyOut_modes_areThoseToReadWriteAndExecute() throws IOException {
        copy(tar().raw(header("su", '0', octal(0), "", 07751))
                .directory("d", 0)
                .raw(header("d/f", '0', octal(0), "", 0))
                .directory("./", 01711));

        assertThat(mode("su")).isEqualTo("rwxr-x--x");
        assertThat((int) Files.getAttribute(target.resolve("su"), "unix:mode") & 07000)
                .isZero();
        assertThat(mode("d")).isEqualTo("rwx------");
        assertThat(mode("d/f")).isEqualTo("---------");
        assertThat(mode("")).isEqualTo("rwx--x--x");
    }

    private String mode(String name) throws IOException {
        return PosixFilePermissions.toString(
                Files.getPosixFilePermissions(target.resolve(name), LinkOption.NOFOLLOW_LINKS));
    }

    @Test
    void copyOut_directoriesThatAreNotTold_areMade() throws IOException {
        copy(tar().file("a/b/c", "x").link("a/l", '2', "../a/b/c").link("a/b/h", '1', "./a/b/c"));

        assertThat(target.resolve("a/b/c")).hasContent("x");
        assertThat(target.resolve("a/l")).hasContent("x");
        assertThat(target.resolve("a/b/h")).hasContent("x").isRegularFile();
        assertThat(mode("a/b")).isEqualTo("rwxr-xr-x");
    }

    @Test
    void copyOut_timesThatNobodyHas_areNoMatter() throws IOException {
        copy(tar().pax('x', "mtime=99999999999999").file("f", "x"));

        assertThat(target.resolve("f")).hasContent("x");
    }

    @Test
    void copyOut_tarFails_saysWhatItSaid() throws IOException {
        Map<String, String> before = everything();
        CannedProcess process = new CannedProcess(
                new ByteArrayInputStream(tar().file("f", "x").ended()),
                "tar: x: Cannot open: Permission denied\n",
                ExitStatus.exited(2));

        GuestFileException failure =
                catchThrowableOfType(GuestFileException.class, () -> copy(process, CopyOptions.standard()));

        assertThat(failure.reason()).isEqualTo(Reason.NOT_PERMITTED);
        assertThat(failure).hasMessageEndingWith("tar: x: Cannot open: Permission denied");
        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void copyOut_vmDestroyed_saysThatAndLeavesNothing() throws IOException {
        Map<String, String> before = everything();
        VMDestroyedException gone = new VMDestroyedException("gone", FailureContext.of("exec"));
        InputStream breaking = new SequenceInputStream(
                new ByteArrayInputStream(tar().file("f", "x").unended()), new InputStream() {
                    @Override
                    public int read() throws IOException {
                        throw new IOException("gone", gone);
                    }

                    @Override
                    public int read(byte[] into, int offset, int length) throws IOException {
                        return read();
                    }
                });

        assertThatThrownBy(() -> copy(breaking, CopyOptions.standard())).isSameAs(gone);
        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void copyOut_listenerThrows_endsItAndLeavesNothing() throws IOException {
        Map<String, String> before = everything();
        IllegalStateException stop = new IllegalStateException("stop");
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> {
                    throw stop;
                })
                .build();

        assertThatThrownBy(
                        () -> copy(new ByteArrayInputStream(tar().file("f", "x").ended()), options))
                .isSameAs(stop);
        assertThat(everything()).isEqualTo(before);
    }

    /** Whatever is made of a good stream, nothing but the target is touched, and failures are of this library. */
    @Test
    void copyOut_mutatedStreams_touchNothingElse() throws IOException {
        byte[] good = tar().directory("d/", 0755)
                .file("d/f", "content")
                .link("d/l", '2', "f")
                .link("d/h", '1', "d/f")
                .pax('x', "path=d/long", "mtime=1.5")
                .file("g", "more")
                .entry("././@LongLink", 'L', "d/longer\0".getBytes(StandardCharsets.UTF_8))
                .file("g", "most")
                .ended();
        Map<String, String> before = everything();
        Random random = new Random(5);
        int copied = 0;
        for (int round = 0; round < 400; round++) {
            byte[] stream = mutate(good, random);
            try {
                copy(new ByteArrayInputStream(stream), ALL_LINKS);
                copied++;
                Map<String, String> after = everything();
                after.keySet().removeIf(path -> path.startsWith("place/target"));
                assertThat(after).isEqualTo(before);
                delete(target);
            } catch (AgentVMException e) {
                assertThat(everything()).isEqualTo(before);
            }
        }
        assertThat(copied).isBetween(1, 399);
    }

    private static byte[] mutate(byte[] good, Random random) {
        byte[] bytes = good.clone();
        for (int i = random.nextInt(4); i >= 0; i--) {
            int record = random.nextInt(bytes.length / 512) * 512;
            bytes[record + random.nextInt(random.nextBoolean() ? 512 : 165)] =
                    (byte) (random.nextBoolean() ? random.nextInt(256) : "./0127xLKg\0".charAt(random.nextInt(11)));
            if (random.nextInt(4) > 0) {
                byte[] header = Arrays.copyOfRange(bytes, record, record + 512);
                TarBytes.seal(header);
                System.arraycopy(header, 0, bytes, record, 512);
            }
        }
        return bytes;
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> walk = Files.walk(tree)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
