package dev.agentvm.libvirt.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VMFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of a guest that is this machine, so that the scripts really run. */
@Timeout(60)
class CommandFilesTest {
    private final Map<String, String> environment = new HashMap<>();
    private final VMFiles files = new CommandFiles(
            "vm",
            command -> LocalProcess.exec(command, environment),
            command -> LocalProcess.start(command, environment),
            Ports.none());

    @TempDir
    Path temporary;

    private String path(String name) {
        return temporary.resolve(name).toString();
    }

    private Path host(String name, String content) throws IOException {
        Files.createDirectories(temporary.resolve(name).getParent());
        return Files.writeString(temporary.resolve(name), content);
    }

    private static Reason reason(Callable<?> call) {
        GuestFileException failure = catchThrowableOfType(GuestFileException.class, call::call);
        assertThat(failure).isNotNull();
        assertThat(failure.vmName()).contains("vm");
        return failure.reason();
    }

    private static Reason reason(Runnable call) {
        return reason(() -> {
            call.run();
            return 0;
        });
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    /** As a user may who owns the directory, while root writes there. */
    @Test
    void write_namesInTheDirectoryPutElsewhereMeanwhile_changesNothingThere() throws IOException {
        Path secret = host("elsewhere/new", "secret");
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
        // It comes first, before there is anything in the new file.
        Path chmod = host("bin/chmod", """
                #!/bin/sh
                for name in %1$s/.??*; do
                  [ -L "$name" ] || { mv "$name" %1$s/aside && ln -s %2$s "$name"; }
                done
                exec /usr/bin/chmod "$@"
                """.formatted(temporary.resolve("open"), secret.getParent()));
        Files.setPosixFilePermissions(chmod, PosixFilePermissions.fromString("rwxr-xr-x"));
        host("open/f", "old");
        environment.put("PATH", chmod.getParent() + ":" + System.getenv("PATH"));

        files.write(path("open/f"), "public".getBytes(StandardCharsets.UTF_8));

        assertThat(temporary.resolve("open/f")).hasContent("public");
        assertThat(temporary.resolve("open/aside")).isEmptyDirectory();
        assertThat(secret).hasContent("secret");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secret)))
                .isEqualTo("rw-------");
    }

    private Path program(String name, String script) throws IOException {
        Path program = host("bin/" + name, "#!/bin/sh\n" + script + "\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        environment.put("PATH", program.getParent() + ":" + System.getenv("PATH"));
        return program;
    }

    @Test
    void write_becomesALinkToADirectoryMeanwhile_replacesTheLink() throws IOException {
        Files.createDirectory(temporary.resolve("elsewhere"));
        // It comes last before the file takes its place.
        program("chmod", "/usr/bin/chmod \"$@\"; ln -sfn elsewhere %s".formatted(path("f")));

        files.writeText(path("f"), "new");

        assertThat(temporary.resolve("f")).hasContent("new").isRegularFile();
        assertThat(temporary.resolve("elsewhere")).isEmptyDirectory();
    }

    @Test
    void write_becomesADirectoryMeanwhile_failsAndLeavesIt() throws IOException {
        program("chmod", "/usr/bin/chmod \"$@\"; mkdir -p %s".formatted(path("f")));

        assertThat(reason(() -> files.writeText(path("f"), "new"))).isEqualTo(Reason.NOT_A_FILE);

        assertThat(temporary.resolve("f")).isEmptyDirectory();
        assertThat(files.list(temporary.toString())).extracting(GuestFile::name).containsExactly("bin", "f");
    }

    /** As in an older busybox. */
    @Test
    void write_moverThatKnowsNothingOfDirectories_replacesFilesAndLinks() throws IOException {
        program("mv", """
                case $1 in
                  *T*) echo "mv: invalid option -- 'T'" >&2; exit 1 ;;
                esac
                exec /usr/bin/mv "$@"
                """);
        host("f", "old");
        Files.createDirectory(temporary.resolve("d"));
        Files.createSymbolicLink(temporary.resolve("l"), Path.of("d"));

        files.writeText(path("f"), "new");
        files.writeText(path("l"), "new");

        assertThat(temporary.resolve("f")).hasContent("new");
        assertThat(temporary.resolve("l")).hasContent("new").isRegularFile();
        assertThat(temporary.resolve("d")).isEmptyDirectory();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 100_000, 1_048_576, 1_048_577, 3_000_000})
    void writeAndRead_sizes_areExact(int size) {
        byte[] bytes = random(size);

        files.write(path("f"), bytes);

        assertThat(files.read(path("f"), size)).isEqualTo(bytes);
        assertThat(files.stat(path("f")).size()).isEqualTo(size);
        assertThat(files.list(temporary.toString())).hasSize(1);
    }

    @Test
    void read_oneByteMoreThanAllowed_isTooBig() {
        for (int size : new int[] {1, 100_000, 2_000_000}) {
            files.write(path("f"), new byte[size]);
            assertThat(reason(() -> files.read(path("f"), size - 1))).isEqualTo(Reason.TOO_BIG);
        }
    }

    @Test
    void names_ofEveryKind_areTakenAsTheyAre() {
        for (String name :
                List.of("it's \"$HOME\" `id`", "-rf", "a\nb", "ü", "*", " ", "\\", "$(touch x)", ".hidden", "..x")) {
            files.writeText(path(name), name);
            assertThat(files.readText(path(name), 100)).isEqualTo(name);
            assertThat(files.list(temporary.toString()))
                    .extracting(GuestFile::name)
                    .containsExactly(name);
            files.append(path(name), new byte[1]);
            assertThat(files.stat(path(name)).isFile()).isTrue();
            files.delete(path(name));
            files.makeDirectories(path(name));
            files.deleteRecursively(path(name));
            assertThat(files.exists(path(name))).isFalse();
        }
    }

    @Test
    void write_existing_keepsPermissionsAndReplacesLinks() throws IOException {
        Path file = host("f", "old");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx--x---"));
        Files.createSymbolicLink(temporary.resolve("l"), Path.of("f"));
        Files.createDirectory(temporary.resolve("d"));
        Files.createSymbolicLink(temporary.resolve("m"), Path.of("d"));

        files.writeText(path("f"), "new");
        files.writeText(path("l"), "own");
        files.writeText(path("m"), "own");

        assertThat(temporary.resolve("m")).hasContent("own").isRegularFile();
        assertThat(temporary.resolve("d")).isEmptyDirectory();
        assertThat(file).hasContent("new");
        assertThat(files.stat(path("f")).permissions()).isEqualTo("0710");
        assertThat(temporary.resolve("l")).hasContent("own").isRegularFile();
        assertThat(files.stat(path("l")).permissions()).isEqualTo("0644");
        files.write(path("f"), new byte[0], "4755");
        assertThat(files.stat(path("f")).permissions()).isEqualTo("4755");
    }

    @Test
    void write_fails_leavesWhatWasThere() throws IOException {
        host("f", "old");
        Files.createDirectory(temporary.resolve("bin"));
        Path mv = host("bin/mv", "#!/bin/sh\necho 'mv: No space left on device' >&2\nexit 1\n");
        Files.setPosixFilePermissions(mv, PosixFilePermissions.fromString("rwxr-xr-x"));
        environment.put("PATH", path("bin") + ":/usr/bin:/bin");

        assertThat(reason(() -> files.writeText(path("f"), "new"))).isEqualTo(Reason.NO_SPACE);

        assertThat(temporary.resolve("f")).hasContent("old");
        assertThat(files.list(temporary.toString())).extracting(GuestFile::name).containsExactly("bin", "f");
    }

    @Test
    void write_diskFull_saysSo() {
        assertThat(reason(() -> files.append("/dev/full", new byte[1]))).isEqualTo(Reason.NOT_A_FILE);
        environment.put("PATH", "/nonexistent");
        assertThatThrownBy(() -> files.writeText(path("f"), "x")).hasMessageContaining("not found");
    }

    @Test
    void append_linkAndNew_areWritten() throws IOException {
        host("f", "a");
        Files.createSymbolicLink(temporary.resolve("l"), Path.of("f"));

        files.append(path("l"), "b".getBytes(StandardCharsets.UTF_8));
        files.append(path("new"), random(2_000_000));

        assertThat(temporary.resolve("f")).hasContent("ab");
        assertThat(temporary.resolve("new")).hasBinaryContent(random(2_000_000));
    }

    @Test
    void missing_everyCall_saysNotFound() {
        String missing = path("no/such");
        assertThat(reason(() -> files.read(missing, 1))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.writeText(missing, "x"))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.append(missing, new byte[1]))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.list(missing))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.stat(missing))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.delete(missing))).isEqualTo(Reason.NOT_FOUND);
        assertThat(reason(() -> files.copyOut(missing, temporary.resolve("out"))))
                .isEqualTo(Reason.NOT_FOUND);
        assertThat(files.exists(missing)).isFalse();
        files.deleteRecursively(missing);
    }

    @Test
    void wrongKind_everyCall_saysSo() throws IOException {
        host("f", "x");
        host("d/g", "x");
        String file = path("f");
        String directory = path("d");
        assertThat(reason(() -> files.read(directory, 1))).isEqualTo(Reason.NOT_A_FILE);
        assertThat(reason(() -> files.read("/dev/null", 1))).isEqualTo(Reason.NOT_A_FILE);
        assertThat(reason(() -> files.writeText(directory, "x"))).isEqualTo(Reason.NOT_A_FILE);
        assertThat(reason(() -> files.append(directory, new byte[1]))).isEqualTo(Reason.NOT_A_FILE);
        assertThat(reason(() -> files.list(file))).isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.stat(file + "/x"))).isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.makeDirectories(file))).isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.makeDirectories(file + "/x"))).isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.delete(directory))).isEqualTo(Reason.NOT_EMPTY);
        assertThat(reason(() -> files.copyIn(temporary.resolve("f"), file))).isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.copyOut("/dev/null", temporary.resolve("out"))))
                .isEqualTo(Reason.NOT_A_FILE);
    }

    @Test
    void badPaths_everyCall_areRefusedBeforeAnythingIsDone() {
        Path host = temporary.resolve("out");
        for (String bad : List.of("", "a", "/../a", "/a/./b", "/a\0", "/\udc00")) {
            List<Runnable> calls = List.of(
                    () -> files.read(bad, 1),
                    () -> files.writeText(bad, ""),
                    () -> files.append(bad, new byte[0]),
                    () -> files.list(bad),
                    () -> files.stat(bad),
                    () -> files.exists(bad),
                    () -> files.makeDirectories(bad),
                    () -> files.delete(bad),
                    () -> files.deleteRecursively(bad),
                    () -> files.copyIn(temporary, bad),
                    () -> files.copyOut(bad, host));
            calls.forEach(call -> assertThatThrownBy(call::run).isInstanceOf(InvalidValueException.class));
        }
        assertThatThrownBy(() -> files.deleteRecursively("//")).hasMessageContaining("root directory");
        assertThatThrownBy(() -> files.asUser("a b")).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> files.write("/tmp/x", new byte[0], "rwx")).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void list_directory_hasAllOfIt() throws IOException {
        host("d/b", "12345");
        Files.createDirectory(temporary.resolve("d/a"));
        Files.createSymbolicLink(temporary.resolve("d/.l"), Path.of("no where\n"));

        List<GuestFile> list = files.list(path("d"));

        assertThat(list).extracting(GuestFile::name).containsExactly(".l", "a", "b");
        assertThat(list.get(0).linkTarget()).contains("no where\n");
        assertThat(list.get(0)).isEqualTo(files.stat(path("d/.l")));
        assertThat(list.get(1).isDirectory()).isTrue();
        assertThat(list.get(2).size()).isEqualTo(5);
        assertThat(files.list(path("d/a"))).isEmpty();
    }

    /** A tree with all that there can be, and what it should be when it has been copied. */
    private Map<String, String> tree(Path top) throws IOException {
        Files.createDirectories(top.resolve("empty"));
        Path deep = Files.createDirectories(top.resolve("d/" + "long-name/".repeat(15) + "x".repeat(200)));
        Files.write(deep.resolve("f"), random(300_000));
        Path script = Files.writeString(top.resolve("run it"), "#!/bin/sh\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-x--x"));
        Files.setLastModifiedTime(script, FileTime.from(Instant.ofEpochSecond(1_000_000_000)));
        Files.setPosixFilePermissions(top.resolve("empty"), PosixFilePermissions.fromString("rwxr-x---"));
        Files.createSymbolicLink(top.resolve("link"), Path.of("run it"));
        Files.createSymbolicLink(top.resolve("d/up"), Path.of("../" + "empty/" + "y".repeat(120)));
        Files.createLink(top.resolve("z hard"), script);
        Files.writeString(top.resolve("-n"), "");
        Files.writeString(top.resolve("ü\n"), "umlaut");
        return facts(top);
    }

    private static Map<String, String> facts(Path top) throws IOException {
        Map<String, String> facts = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(top)) {
            for (Path path : walk.filter(path -> !path.equals(top)).toList()) {
                String name = top.relativize(path).toString();
                if (Files.isSymbolicLink(path)) {
                    facts.put(name, "-> " + Files.readSymbolicLink(path));
                } else {
                    String permissions = PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
                    facts.put(
                            name,
                            Files.isDirectory(path)
                                    ? permissions
                                    : permissions + " "
                                            + Files.getLastModifiedTime(path)
                                                    .toInstant()
                                                    .getEpochSecond() + " "
                                            + Arrays.hashCode(Files.readAllBytes(path)));
                }
            }
        }
        return facts;
    }

    @Test
    void copy_treeInAndOut_isTheSame() throws IOException {
        Map<String, String> tree = tree(temporary.resolve("tree"));
        List<Long> told = new ArrayList<>();
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> told.add(entries))
                .build();

        CopyReport in = files.copyIn(temporary.resolve("tree"), path("guest/dir"), options);
        assertThat(facts(temporary.resolve("guest/dir"))).isEqualTo(tree);
        CopyReport out = files.copyOut(path("guest/dir"), temporary.resolve("out"));

        assertThat(facts(temporary.resolve("out"))).isEqualTo(tree);
        assertThat(in).isEqualTo(out).isEqualTo(new CopyReport(tree.size(), 300_000 + 10 + 10 + 6, List.of()));
        assertThat(told).isSorted().last().isEqualTo((long) tree.size());
    }

    @Test
    void copy_file_goesIntoTheDirectory() throws IOException {
        host("f", "x");
        Files.createSymbolicLink(temporary.resolve("l"), Path.of("f"));
        Files.createDirectory(temporary.resolve("out"));

        files.copyIn(temporary.resolve("f"), path("in"));
        files.copyOut(path("l"), temporary.resolve("out"));

        assertThat(temporary.resolve("in/f")).hasContent("x");
        assertThat(temporary.resolve("out/l")).hasContent("x").isRegularFile();
    }

    @Test
    void copyIn_existing_isMergedAndReplaced() throws IOException {
        host("in/f", "old");
        host("in/g", "stays");
        host("tree/f", "new");
        Files.setPosixFilePermissions(temporary.resolve("in"), PosixFilePermissions.fromString("rwx------"));

        files.copyIn(temporary.resolve("tree"), path("in"));

        assertThat(temporary.resolve("in/f")).hasContent("new");
        assertThat(temporary.resolve("in/g")).hasContent("stays");
        assertThat(files.stat(path("in")).permissions()).isEqualTo("0700");
    }

    private Path treeWhereLinksAre() throws IOException {
        host("tree/d/deep/f", "new");
        host("tree/e/f", "new");
        host("tree/g", "new");
        host("outside/f", "old");
        Files.createDirectories(temporary.resolve("in/d"));
        Files.createSymbolicLink(temporary.resolve("in/d/deep"), Path.of("../../outside"));
        Files.createSymbolicLink(temporary.resolve("in/e"), Path.of("../outside"));
        Files.createSymbolicLink(temporary.resolve("in/g"), Path.of("../outside/f"));
        Files.createSymbolicLink(temporary.resolve("in/h"), Path.of("../outside"));
        return temporary.resolve("tree");
    }

    @Test
    void copyIn_linksInTheWay_areReplacedAndNotFollowed() throws IOException {
        files.copyIn(treeWhereLinksAre(), path("in"));

        assertLinksReplaced();
    }

    /** As busybox's does. */
    @Test
    void copyIn_tarThatFollowsLinks_findsNoneInTheWay() throws IOException {
        program("tar", """
                case $1 in
                  --version) echo 'tar (another) 1.0' ;;
                  *) exec /usr/bin/tar --keep-directory-symlink "$@" ;;
                esac
                """);

        files.copyIn(treeWhereLinksAre(), path("in"));

        assertLinksReplaced();
    }

    private void assertLinksReplaced() {
        assertThat(temporary.resolve("outside")).isDirectoryNotContaining(file -> !file.endsWith("f"));
        assertThat(temporary.resolve("outside/f")).hasContent("old");
        assertThat(temporary.resolve("in/d/deep")).isDirectory().matches(path -> !Files.isSymbolicLink(path));
        assertThat(temporary.resolve("in/d/deep/f")).hasContent("new");
        assertThat(temporary.resolve("in/e/f")).hasContent("new");
        assertThat(temporary.resolve("in/g")).hasContent("new");
        assertThat(temporary.resolve("in/h")).isSymbolicLink();
    }

    @Test
    void copy_specialFiles_areLeftOutAndNamed() throws Exception {
        host("tree/f", "x");
        assertThat(new ProcessBuilder("mkfifo", path("tree/pipe")).start().waitFor())
                .isZero();

        assertThat(files.copyIn(temporary.resolve("tree"), path("in")).leftOut())
                .containsExactly("./pipe");
        assertThat(files.copyOut(path("tree"), temporary.resolve("out")).leftOut())
                .containsExactly("./pipe");
        assertThat(temporary.resolve("out/f")).hasContent("x");
    }

    @Test
    void copyOut_socket_isLeftOutAndNamed() throws Exception {
        host("tree/f", "x");
        try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            // By a short path, as sockets' must be.
            Path link = Files.createSymbolicLink(
                    Files.createTempDirectory(Path.of("/tmp"), "s").resolve("t"), temporary.resolve("tree"));
            socket.bind(UnixDomainSocketAddress.of(link.resolve("socket")));
            Files.delete(link);
            Files.delete(link.getParent());

            assertThat(files.copyOut(path("tree"), temporary.resolve("out")).leftOut())
                    .containsExactly("./socket");
            assertThat(files.copyIn(temporary.resolve("tree"), path("in")).leftOut())
                    .containsExactly("./socket");
        }
    }

    @Test
    void copy_namesThatAreNotUtf8_areLeftOutAndNamed() throws Exception {
        host("tree/f", "x");
        host("tree/really?", "x");
        String make =
                "cd \"$1\" && d=$(printf 'd\\377') && mkdir \"$d\" && echo y >\"$d/g\" && echo z >\"$(printf 'h\\377')\""
                        + " && ln -s \"$d\" link";
        assertThat(new ProcessBuilder("sh", "-c", make, "sh", path("tree"))
                        .start()
                        .waitFor())
                .isZero();

        CopyReport out = files.copyOut(path("tree"), temporary.resolve("out"));
        CopyReport in = files.copyIn(temporary.resolve("tree"), path("in"));

        assertThat(out.leftOut()).containsExactlyInAnyOrder("./d?/", "./d?/g", "./h?", "./link");
        assertThat(in.leftOut()).containsExactlyInAnyOrder("./d\uFFFD", "./h\uFFFD", "./link");
        for (String copy : List.of("out", "in")) {
            assertThat(files.list(path(copy))).extracting(GuestFile::name).containsExactlyInAnyOrder("f", "really?");
        }
    }

    @Test
    void copyOut_writableByOthers_isNarrowedAndNamedUnlessWanted() throws IOException {
        host("tree/d/f", "x");
        host("tree/g", "x");
        Files.setPosixFilePermissions(temporary.resolve("tree/d"), PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setPosixFilePermissions(temporary.resolve("tree/d/f"), PosixFilePermissions.fromString("rw-rw-r--"));
        Files.setPosixFilePermissions(temporary.resolve("tree/g"), PosixFilePermissions.fromString("rw-r--r--"));
        CopyOptions asTheyAre = CopyOptions.standard().withWritableByOthers(true);

        CopyReport narrow = files.copyOut(path("tree"), temporary.resolve("narrow"));
        CopyReport wide = files.copyOut(path("tree"), temporary.resolve("wide"), asTheyAre);

        assertThat(narrow.narrowed()).containsExactlyInAnyOrder("./d/", "./d/f");
        assertThat(permissions("narrow/d")).isEqualTo("rwxr-xr-x");
        assertThat(permissions("narrow/d/f")).isEqualTo("rw-r--r--");
        assertThat(wide.narrowed()).isEmpty();
        assertThat(permissions("wide/d")).isEqualTo("rwxrwxrwx");
        assertThat(permissions("wide/d/f")).isEqualTo("rw-rw-r--");
    }

    private String permissions(String name) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(temporary.resolve(name)));
    }

    @Test
    void copyOut_fileThatChangesMeanwhile_saysSo() throws IOException {
        host("bin/tar", "#!/bin/sh\n/bin/tar \"$@\"\necho 'tar: ./f: file changed as we read it' >&2\nexit 1\n");
        Files.setPosixFilePermissions(temporary.resolve("bin/tar"), PosixFilePermissions.fromString("rwxr-xr-x"));
        host("tree/f", "x");
        environment.put("PATH", path("bin") + ":/usr/bin:/bin");

        assertThatThrownBy(() -> files.copyOut(path("tree"), temporary.resolve("out")))
                .isInstanceOf(GuestFileException.class)
                .hasMessageContaining("./f: file changed as we read it");
        assertThat(temporary.resolve("out")).doesNotExist();
    }

    @Test
    void copyIn_fileThatVanishesMeanwhile_saysWhich() throws IOException {
        Files.createDirectories(temporary.resolve("tree"));
        for (String name : List.of("tree/a", "tree/b", "tree/c")) {
            host(name, "x");
        }
        // Whichever comes first, the others go.
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> {
                    try {
                        for (String name : List.of("tree/a", "tree/b", "tree/c")) {
                            Files.deleteIfExists(temporary.resolve(name));
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .build();

        assertThatThrownBy(() -> files.copyIn(temporary.resolve("tree"), path("in"), options))
                .isInstanceOf(GuestFileException.class)
                .hasMessageContaining("cannot be read: java.nio.file.NoSuchFileException: " + path("tree"));
    }

    @Test
    void copyOut_directoryThatHoldsSomething_isRefused() throws IOException {
        host("tree/f", "x");
        host("out/kept", "x");

        assertThat(reason(() -> files.copyOut(path("tree"), temporary.resolve("out"))))
                .isEqualTo(Reason.NOT_EMPTY);
        assertThat(reason(() -> files.copyOut(path("tree"), temporary.resolve("out/kept"))))
                .isEqualTo(Reason.NOT_A_DIRECTORY);
        assertThat(reason(() -> files.copyOut(path("tree"), temporary.resolve("no/out"))))
                .isEqualTo(Reason.HOST);
    }

    @Test
    void copyIn_sourceThatIsNotThere_isRefused() {
        assertThat(reason(() -> files.copyIn(temporary.resolve("no"), path("in"))))
                .isEqualTo(Reason.HOST);
        assertThat(reason(() -> files.copyIn(Path.of("/dev/null"), path("in")))).isEqualTo(Reason.HOST);
        assertThat(files.exists(path("in"))).isFalse();
    }

    @Test
    void copyIn_fileThatBecomesShorter_isRefused() throws IOException {
        host("tree/a", "x");
        try (RandomAccessFile file = new RandomAccessFile(path("tree/b"), "rw")) {
            file.setLength(3 << 20);
            CopyOptions options = CopyOptions.standard().toBuilder()
                    .listener((entries, bytes) -> {
                        try {
                            file.setLength(100);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .build();

            assertThatThrownBy(() -> files.copyIn(temporary.resolve("tree/b"), path("in"), options))
                    .hasMessageContaining("has become shorter");
        }
    }

    @Test
    void copy_bounds_areKept() throws IOException {
        host("tree/a", "12");
        host("tree/b", "34");
        CopyOptions standard = CopyOptions.standard();
        Path tree = temporary.resolve("tree");

        assertThat(reason(() -> files.copyIn(tree, path("in"), standard.withMaxBytes(3))))
                .isEqualTo(Reason.TOO_BIG);
        assertThat(reason(() -> files.copyIn(tree, path("in"), standard.withMaxEntries(1))))
                .isEqualTo(Reason.TOO_BIG);
        Path out = temporary.resolve("out");
        assertThat(reason(() -> files.copyOut(path("tree"), out, standard.withMaxBytes(3))))
                .isEqualTo(Reason.TOO_BIG);
        assertThat(reason(() -> files.copyOut(path("tree"), out, standard.withMaxEntries(1))))
                .isEqualTo(Reason.TOO_BIG);
        assertThat(Files.exists(out)).isFalse();
    }

    @Test
    void copy_withoutTar_saysSo() throws IOException {
        Files.createDirectory(temporary.resolve("bin"));
        environment.put("PATH", path("bin"));

        assertThat(reason(() -> files.copyOut(path("bin"), temporary.resolve("out"))))
                .isEqualTo(Reason.NO_TAR);
        assertThatThrownBy(() -> files.copyIn(temporary.resolve("bin"), path("in")))
                .hasMessageContaining("the guest has no tar");
    }

    @Test
    void copyIn_tarFailsEarly_saysWhatItSaid() throws IOException {
        Path tar = host("bin/tar", "#!/bin/sh\necho 'tar: f: No space left on device' >&2\nexit 2\n");
        Files.setPosixFilePermissions(tar, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.write(temporary.resolve("big"), random(5_000_000));
        environment.put("PATH", path("bin") + ":/usr/bin:/bin");

        assertThat(reason(() -> files.copyIn(temporary.resolve("big"), path("in"))))
                .isEqualTo(Reason.NO_SPACE);
    }

    @Test
    void copy_interrupted_stopsAndKeepsTheInterrupt() throws IOException {
        host("tree/a", "12");
        host("tree/b", "34");
        CopyOptions options = CopyOptions.standard().toBuilder()
                .listener((entries, bytes) -> Thread.currentThread().interrupt())
                .build();

        assertThatThrownBy(() -> files.copyOut(path("tree"), temporary.resolve("out"), options))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("interrupted");
        assertThat(Thread.interrupted()).isTrue();
        assertThatThrownBy(() -> files.copyIn(temporary.resolve("tree"), path("in"), options))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("interrupted");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(Files.exists(temporary.resolve("out"))).isFalse();
        assertThat(files.list(temporary.toString()))
                .noneMatch(file -> file.name().endsWith("agentvm-part"));
    }

    @Test
    void asUser_name_goesWithEachCommand() {
        List<Command> commands = new ArrayList<>();
        VMFiles recorded = new CommandFiles(
                "vm",
                command -> {
                    commands.add(command);
                    return LocalProcess.exec(command, environment);
                },
                command -> LocalProcess.start(command, environment),
                Ports.none());

        recorded.asUser("agent").exists("/");
        recorded.exists("/");

        assertThat(commands.get(0).user()).contains("agent");
        assertThat(commands.get(1).user()).isEmpty();
    }
}
