package dev.agentvm.libvirt.internal.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.libvirt.lab.OtherJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JournalsTest {
    private static final String URI = "qemu:///system";
    private static final HypervisorId HERE = new HypervisorId(URI, Set.of("host", "uuid"));

    @TempDir
    private Path state;

    private final UUID id = UUID.randomUUID();

    @Test
    void visit_ownerLives_isHandedNothing() {
        try (Journals living = Journals.open(state, HERE);
                Journals other = Journals.open(state, HERE)) {
            LaunchJournal journal = living.begin(id, "vm", false);
            journal.announce(Resource.FILTER, "agentvm-x");

            assertThat(orphans(other)).isEmpty();
            journal.remove();
        }
    }

    @Test
    void announce_journalRemovedMeanwhile_isRefusedAndBeginsNone() {
        try (Journals journals = Journals.open(state, HERE)) {
            LaunchJournal journal = journals.begin(id, "vm", false);
            journals.at(id).remove();

            assertThatExceptionOfType(JournalException.class)
                    .isThrownBy(() -> journal.announce(Resource.FILTER, "agentvm-x"))
                    .withMessageContaining("removed by another program");
            assertThat(state.resolve("launches")).isEmptyDirectory();
        }
    }

    @Test
    void visit_ownerKilled_isHandedWhatItAnnouncedLastFirst() throws Exception {
        killed("attached");

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).singleElement().satisfies(orphan -> {
                assertThat(orphan.vmName()).isEqualTo("vm");
                assertThat(orphan.standsAlone()).isFalse();
                assertThat(orphan.entries())
                        .containsExactly(
                                new Entry(Resource.DOMAIN, List.of("uuid", "vm")),
                                new Entry(Resource.VOLUME, List.of("pool", "volume")));
            });
        }
    }

    @Test
    void visit_completeDetachedLaunch_standsAlone() throws Exception {
        killed("detached");

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other))
                    .singleElement()
                    .satisfies(orphan -> assertThat(orphan.standsAlone()).isTrue());
        }
    }

    @Test
    void visit_visitorCleansUp_leavesNoFile() throws Exception {
        killed("attached");

        try (Journals other = Journals.open(state, HERE)) {
            other.visit((orphan, journal) -> {
                journal.remove();
                return true;
            });
        }
        assertThat(files()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"qemu:///system, another, other-uuid", "qemu+unix:///system?socket=other, host, uuid"})
    void visit_otherHypervisor_isHandedNothingAndRemovesNothing(String uri, String name, String uuid) throws Exception {
        killed("detached");
        List<Path> before = files();

        try (Journals other = Journals.open(state, new HypervisorId(uri, Set.of(name, uuid)))) {
            assertThat(orphans(other)).isEmpty();
        }
        assertThat(files()).containsExactlyInAnyOrderElementsOf(before);
    }

    @ParameterizedTest
    @CsvSource({"renamed, uuid", "host, made-up-at-the-next-start"})
    void visit_hostThatHasChangedOneOfItsNames_isHandedItsLaunches(String name, String uuid) throws Exception {
        killed("attached");

        try (Journals other = Journals.open(state, new HypervisorId(URI, Set.of(name, uuid)))) {
            assertThat(orphans(other)).singleElement().matches(Journals.Orphan::hostKnown);
        }
    }

    @Test
    void visit_journalThatNamesNoHost_saysThatItIsNotKnown() throws Exception {
        killed("attached");
        Path journal = journal();
        Files.write(
                journal,
                Files.readAllLines(journal).stream()
                        .filter(line -> !line.startsWith("host\t"))
                        .toList());

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).singleElement().matches(orphan -> !orphan.hostKnown());
        }
    }

    @Test
    void visit_lockFileGone_isHandedTheLaunch() throws Exception {
        killed("attached");
        for (Path lock : locks()) {
            Files.delete(lock);
        }

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).hasSize(1);
        }
    }

    @Test
    void openToVisit_whereThereIsNothing_makesNothing() {
        Path home = state.resolve("home");
        try (Journals other = Journals.openToVisit(home.resolve("agentvm"), HERE)) {
            assertThat(orphans(other)).isEmpty();
        }
        assertThat(home).doesNotExist();
    }

    @Test
    void openToVisit_launchesAllTheSame_isTakenForAnOwnerThatLives() {
        try (Journals living = Journals.openToVisit(state, HERE);
                Journals other = Journals.open(state, HERE)) {
            living.begin(id, "vm", false).announce(Resource.FILTER, "agentvm-x");

            assertThat(orphans(other)).isEmpty();
            living.at(id).remove();
        }
    }

    @Test
    void visit_lockOfAnotherUser_isTakenForThatOfAnOwnerThatLives() throws Exception {
        try (Journals anothers = Journals.open(state, HERE)) {
            anothers.begin(id, "vm", false).announce(Resource.FILTER, "agentvm-x");
            Files.setPosixFilePermissions(locks().get(0), Set.of());

            assertThat(run(ordinaryUser(), "count")).isZero();
            anothers.at(id).remove();
        }
    }

    @Test
    void visit_journalThatAnotherUserHides_isLeftAlone() throws Exception {
        killed("attached");
        Path hidden = journal();
        Files.setPosixFilePermissions(hidden, Set.of());
        Files.setLastModifiedTime(hidden, FileTime.from(Instant.now().minus(Duration.ofHours(1))));

        assertThat(run(ordinaryUser(), "count")).isZero();
        assertThat(hidden).exists();
    }

    @Test
    void visit_lockThatIsALink_makesNothingWhereItLeads() throws Exception {
        killed("attached");
        Path lock = locks().get(0);
        Path elsewhere = state.resolve("elsewhere");
        Files.delete(lock);
        Files.createSymbolicLink(lock, elsewhere);

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).isEmpty();
        }
        assertThat(elsewhere).doesNotExist();
    }

    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void visit_pipesInPlaceOfFiles_waitsForNobody() throws Exception {
        killed("attached");
        Path lock = locks().get(0);
        Files.delete(lock);
        pipe(lock);
        pipe(state.resolve("launches").resolve(id + ".journal"));

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).isEmpty();
        }
    }

    @Test
    void visit_ownerThatIsAPath_namesNoLockElsewhere() throws Exception {
        Journals.open(state, HERE).close();
        Files.writeString(
                state.resolve("launches").resolve(id + ".journal"),
                "owner\t../elsewhere\nhypervisor\t" + URI + "\nvm\t" + id + "\tvm\n");

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).isEmpty();
        }
        assertThat(state.resolve("elsewhere.lock")).doesNotExist();
    }

    @Test
    void entries_thatCannotBeRead_areNotTakenForNone() throws Exception {
        try (Journals journals = Journals.open(state, HERE)) {
            Files.createDirectory(state.resolve("launches").resolve(id + ".journal"));

            assertThatExceptionOfType(JournalException.class).isThrownBy(() -> journals.entries(id));
        }
    }

    @Test
    void visit_lastLineTorn_isLeftOut() throws Exception {
        killed("attached");
        Files.writeString(journal(), "FILTER\tagentvm-", StandardOpenOption.APPEND);

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other))
                    .singleElement()
                    .satisfies(orphan -> assertThat(orphan.entries()).hasSize(2));
        }
    }

    @Test
    void visit_journalOfALaterVersion_isLeftAlone() throws Exception {
        killed("attached");
        Path journal = journal();
        Files.writeString(journal, "SOMETHING_NEW\tits-name\n", StandardOpenOption.APPEND);

        try (Journals other = Journals.open(state, HERE)) {
            assertThat(orphans(other)).isEmpty();
        }
        assertThat(journal).exists();
    }

    @Test
    void visit_headTornLongAgo_isRemoved() throws IOException {
        try (Journals other = Journals.open(state, HERE)) {
            Path torn = Files.writeString(state.resolve("launches").resolve(id + ".journal"), "own");
            Files.setLastModifiedTime(torn, FileTime.from(Instant.now().minus(Duration.ofHours(1))));

            assertThat(orphans(other)).isEmpty();
            assertThat(torn).doesNotExist();
        }
    }

    @Test
    void visit_afterItFoundALivingOwnerInThisProcess_theOwnerStillHoldsItsLock() throws Exception {
        try (Journals living = Journals.open(state, HERE);
                Journals other = Journals.open(state, HERE)) {
            LaunchJournal journal = living.begin(id, "vm", false);
            assertThat(orphans(other)).isEmpty();

            assertThat(run("count")).isEqualTo(0);
            journal.remove();
        }
    }

    @Test
    void visit_byAnotherProgramWhileOwnersComeAndGo_isHandedNothing() throws Exception {
        Process watcher = OtherJvm.start(List.of(), OtherProgram.class, state.toString(), "watch");
        try {
            assertThat(watcher.getInputStream().read()).isEqualTo('w');
            for (int i = 0; i < 500; i++) {
                try (Journals living = Journals.open(state, HERE)) {
                    LaunchJournal journal = living.begin(UUID.randomUUID(), "vm", false);
                    journal.announce(Resource.VOLUME, "pool", "volume");
                    journal.remove();
                }
            }
            assertThat(watcher.isAlive()).as("it was handed no orphan").isTrue();
        } finally {
            watcher.destroyForcibly().waitFor();
        }
    }

    @Test
    void visit_dryRun_leavesEveryFile() throws Exception {
        killed("attached");
        Path torn = Files.writeString(state.resolve("launches").resolve(id + ".journal"), "own");
        Files.setLastModifiedTime(torn, FileTime.from(Instant.now().minus(Duration.ofHours(1))));

        try (Journals other = Journals.open(state, HERE)) {
            List<Path> before = files();
            List<Journals.Orphan> found = new ArrayList<>();
            other.visit(
                    (orphan, journal) -> {
                        found.add(orphan);
                        return false;
                    },
                    true);

            assertThat(found).hasSize(1);
            assertThat(files()).containsExactlyInAnyOrderElementsOf(before);
        }
    }

    @Test
    void visitOwner_isHandedItsLaunchesAlone() throws Exception {
        killed("attached");
        killed("attached");

        try (Journals other = Journals.open(state, HERE)) {
            List<String> owners = new ArrayList<>();
            for (Path lock : files()) {
                String name = lock.getFileName().toString();
                if (name.endsWith(".lock") && !name.startsWith(other.ownerId())) {
                    owners.add(name.substring(0, name.length() - ".lock".length()));
                }
            }
            List<Journals.Orphan> found = new ArrayList<>();

            boolean gone = other.visit(owners.get(0), (orphan, journal) -> {
                found.add(orphan);
                return false;
            });

            assertThat(gone).isTrue();
            assertThat(owners).hasSize(2);
            assertThat(found).hasSize(1);
        }
    }

    @Test
    void visitOwner_thatLives_isHandedNothing() {
        try (Journals living = Journals.open(state, HERE);
                Journals other = Journals.open(state, HERE)) {
            assertThat(other.visit(living.ownerId(), (orphan, journal) -> true)).isFalse();
        }
    }

    @Test
    void close_nothingLeft_removesItsLockFile() throws IOException {
        Journals.open(state, HERE).close();

        assertThat(files()).isEmpty();
    }

    @Test
    void open_stateDirectory_isForItsOwnerAlone() throws IOException {
        try (Journals journals = Journals.open(state.resolve("new"), HERE)) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state.resolve("new/launches"))))
                    .isEqualTo("rwx------");
            assertThat(journals.ownerId()).isNotEmpty();
        }
    }

    private static List<Journals.Orphan> orphans(Journals journals) {
        List<Journals.Orphan> found = new ArrayList<>();
        journals.visit((orphan, journal) -> {
            found.add(orphan);
            return false;
        });
        return found;
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(state)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private List<Path> locks() throws IOException {
        try (Stream<Path> locks = Files.list(state.resolve("owners"))) {
            return locks.toList();
        }
    }

    private Path journal() throws IOException {
        try (Stream<Path> journals = Files.list(state.resolve("launches"))) {
            return journals.findFirst().orElseThrow();
        }
    }

    private static void pipe(Path path) throws Exception {
        assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor())
                .isZero();
    }

    /** What starts a program that may not do with files whatever it likes, as root may. */
    private static List<String> ordinaryUser() {
        String rights = "-dac_override,-dac_read_search";
        return "root".equals(System.getProperty("user.name"))
                ? List.of("setpriv", "--bounding-set=" + rights, "--inh-caps=" + rights)
                : List.of();
    }

    /** Another program begins a launch and dies without a chance to clean up. */
    private void killed(String how) throws Exception {
        assertThat(run(how)).isEqualTo(137);
    }

    private int run(String how) throws Exception {
        return run(List.of(), how);
    }

    private int run(List<String> launcher, String how) throws Exception {
        Process process = OtherJvm.start(launcher, OtherProgram.class, state.toString(), how);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    /** A program beside this one. */
    static final class OtherProgram {
        private OtherProgram() {}

        /** Begins a launch and kills itself, or counts the orphans that it is handed, or waits for one. */
        public static void main(String[] args) throws IOException {
            Journals journals = Journals.open(Path.of(args[0]), HERE);
            if (args[1].equals("watch")) {
                System.out.println("watching");
                while (orphans(journals).isEmpty()) {
                    Thread.onSpinWait();
                }
                System.exit(1);
            }
            if (args[1].equals("count")) {
                System.exit(orphans(journals).size());
            }
            LaunchJournal journal = journals.begin(UUID.randomUUID(), "vm", args[1].equals("detached"));
            journal.announce(Resource.VOLUME, "pool", "volume");
            journal.announce(Resource.DOMAIN, "uuid", "vm");
            journal.ready();
            new ProcessBuilder(
                            "kill", "-9", Long.toString(ProcessHandle.current().pid()))
                    .start();
            while (true) {
                java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
            }
        }
    }
}
