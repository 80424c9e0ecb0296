package dev.agentvm.testkit;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.CopyListener;
import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.GuestFile;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.ImageAlreadyExistsException;
import dev.agentvm.ImageFile;
import dev.agentvm.ImageInUseException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.Images;
import dev.agentvm.InvalidValueException;
import dev.agentvm.KernelImage;
import dev.agentvm.LaunchListener;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.NamedImage;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.OutputLimit;
import dev.agentvm.OutputLimitException;
import dev.agentvm.ReapReport;
import dev.agentvm.Snapshot;
import dev.agentvm.SnapshotAlreadyExistsException;
import dev.agentvm.SnapshotNotFoundException;
import dev.agentvm.StoredImage;
import dev.agentvm.VM;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMFiles;
import dev.agentvm.VMProcess;
import dev.agentvm.VMRestoredException;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.cloudinit.CloudInitFile;
import dev.agentvm.cloudinit.CloudInitUser;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * What {@link Hypervisor} and {@link VM} promise, each promise a test. A subclass says which implementation is tried, and
 * closes after each test what {@link #connect} and {@link #guest} gave. What an implementation cannot do it declares as
 * {@link #inabilities}: those tests are then aborted, with that reason, and another test sees to it that the declaration
 * is true.
 *
 * <p>Guests need the programs {@code true}, {@code echo}, {@code cat}, {@code pwd}, {@code env}, {@code sleep}, {@code yes},
 * {@code pidof} and {@code poweroff}, {@code tar}, a user {@code nobody}, a directory {@code /tmp}, no directory {@code /nonexistent}, and
 * {@link #LEAVES_A_PROCESS}, {@link #STARTS_A_PROCESS}, {@link #KILLS_ITSELF} and {@link #ERRS_AND_COPIES}. Tests of
 * one class run one after the other on a host that nobody else uses.
 */
public abstract class HypervisorContract {
    /** Ends at once, and leaves a process that holds its output open. */
    protected static final Command LEAVES_A_PROCESS = Command.shell("tail -f /dev/null & echo left");

    /** Runs, and so does a {@code sleep} that it has started, until somebody ends both. */
    protected static final Command STARTS_A_PROCESS = Command.shell("sleep 317 & wait");

    /** Is ended by signal 9. */
    protected static final Command KILLS_ITSELF = Command.shell("kill -9 $$");

    /** Writes the line "aside" to its standard error, and then copies what it reads to its standard output. */
    protected static final Command ERRS_AND_COPIES = Command.shell("echo aside >&2; exec cat");

    private static final String METADATA = "169.254.169.254";
    private static final String PUBLIC = "140.82.112.3";

    /** Longer than anything that is promised to end soon. */
    private static final Duration LONG = Duration.ofSeconds(60);

    private static final Duration FOREVER = ChronoUnit.FOREVER.getDuration();

    private static final Set<LaunchStep> OF_NETWORK = EnumSet.of(
            LaunchStep.NETWORK_READY,
            LaunchStep.ADDRESS_RESERVED,
            LaunchStep.POLICY_DEFINED,
            LaunchStep.POLICY_VERIFIED);
    private static final String NEW_IMAGE = "contract-new";
    /** The SHA-256 of "a kernel". */
    private static final String SUM = "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126";

    private static final Series REMOVED = Metric.REAPER_FINDINGS.with("removed");

    private static final LaunchOptions DETACHED =
            new LaunchOptions.Builder().detached(true).build();

    private static final LaunchOptions RESETTABLE =
            new LaunchOptions.Builder().resettable(true).build();

    /** The secret of {@link #SECRETIVE}: its text, its Base64, and what an array of its bytes prints as. */
    private static final List<String> SECRET = List.of("s3cret", "czNjcmV0", "115, 51, 99, 114, 101, 116");

    private static final CloudInit SECRETIVE = new CloudInit.Builder()
            .addUser(new CloudInitUser.Builder()
                    .name("alice")
                    .passwordHash("$6$s3cret$s3crets3crets3cret")
                    .build())
            .addFile(new CloudInitFile.Builder()
                    .path("/root/token")
                    .text("s3cret")
                    .build())
            .addCommand("echo s3cret")
            .build();

    /** For subclasses. */
    protected HypervisorContract() {}

    /** What some implementation may not be able to do. */
    public enum Ability {
        /** To filter a VM's network. */
        NETWORK,
        /** To run a VM. */
        LAUNCH
    }

    /** A new connection to the host, as another program would have. The subclass closes it after the test. */
    protected final Hypervisor connect() {
        return connect(MetricsSink.none());
    }

    /** {@link #connect()} that gives what is measured to that sink. */
    protected abstract Hypervisor connect(MetricsSink metrics);

    /** A template that can be launched, on a network unless the implementation is unable. */
    protected abstract VMTemplate template(String name);

    /** A template, to be launched next, whose guest writes to its serial console but whose agent never answers. */
    protected abstract VMTemplate templateWithoutAgent(String name);

    /** Launches in another program, which dies without a word when that step has ended. */
    protected abstract void launchInProgramThatDies(VMTemplate template, LaunchStep step);

    /**
     * A command by which a guest, once it has its address, tries once and for a moment to open a TCP connection to that port
     * of that address.
     */
    protected abstract Command attempt(String address, int port);

    /** Everything that VMs have on the host, whoever launched them: domains, disks, filters, addresses. */
    protected abstract List<String> leftovers();

    /** A running VM of {@link #guestTemplate} that a test uses but does not end; a new one if not said. */
    protected VM guest() {
        return connect().launch(guestTemplate());
    }

    /** What {@link #guest} is launched from. */
    protected final VMTemplate guestTemplate() {
        return template("guest").withLabels(Map.of("task", "t-1"));
    }

    /** What this implementation cannot do; nothing if not said. Each must be refused in words, which is tested. */
    protected Set<Ability> inabilities() {
        return Set.of();
    }

    /** Lets time pass; sleeps if not said. */
    protected void elapse(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            fail("interrupted", e);
        }
    }

    /** Gives other threads and programs a moment of the time in which tests run; sleeps for 50 ms if not said. */
    protected void pause() {
        elapse(Duration.ofMillis(50));
    }

    /** How long a test waits for what should happen soon, in the time in which tests run; a minute if not said. */
    protected Duration patience() {
        return LONG;
    }

    /** How soon who waits must hear of a VM's end, in the time in which tests run; a second if not said. */
    protected Duration promptness() {
        return Duration.ofSeconds(1);
    }

    /** Runs a part of a test in which time passes by {@link #elapse} alone; for time that moves when somebody waits. */
    protected void withTimeHeld(Runnable part) {
        part.run();
    }

    @Test
    void inabilities_declared_areRefusedInWordsAndLeaveNothing() {
        List<String> before = left();
        Hypervisor hypervisor = connect();
        for (Ability ability : inabilities()) {
            VMTemplate template = template("unable");
            AgentVMException refusal = switch (ability) {
                case NETWORK ->
                    assertThrows(
                            HostNotReadyException.class,
                            () -> hypervisor.launch(template.withNetworkMode(NetworkMode.NAT_FILTERED)));
                case LAUNCH -> assertThrows(AgentVMException.class, () -> hypervisor.launch(template));
            };
            assertContains(refusal, "unable");
        }
        assertEquals(before, left());
    }

    @Test
    void launch_returns_aRunningVMThatAnswers() {
        requires(Ability.LAUNCH);

        VM vm = connect().launch(template("vm"));

        assertEquals(VMState.RUNNING, vm.state());
        assertTrue(vm.exec(Command.of("true")).success());
    }

    @Test
    void launch_template_givesTheVMItsNameAndLabels() {
        requires(Ability.LAUNCH);
        Map<String, String> labels = Map.of("task", "t-1", "who", "Ada & Bob <\"'>");

        VM vm = connect().launch(template("labelled").withLabels(labels));

        assertEquals("labelled", vm.name());
        assertEquals(labels, vm.labels());
    }

    @Test
    void launch_listener_hearsEachStepInOrderOnTheLaunchingThread() {
        requires(Ability.LAUNCH);
        List<LaunchStep> steps = new ArrayList<>();
        List<Duration> times = new ArrayList<>();
        Set<Thread> threads = new HashSet<>();

        connect().launch(template("vm"), listener((step, time) -> {
            steps.add(step);
            times.add(time);
            threads.add(Thread.currentThread());
        }));

        assertEquals(List.of(LaunchStep.values()), steps);
        assertEquals(times.stream().sorted().toList(), times);
        assertEquals(Set.of(Thread.currentThread()), threads);
    }

    @Test
    void launch_isolated_hasNoNetwork() {
        requires(Ability.LAUNCH);
        List<LaunchStep> steps = new ArrayList<>();

        VM vm = connect()
                .launch(
                        template("isolated").withNetworkMode(NetworkMode.ISOLATED),
                        listener((step, time) -> steps.add(step)));

        assertEquals(
                Arrays.stream(LaunchStep.values())
                        .filter(step -> !OF_NETWORK.contains(step))
                        .toList(),
                steps);
        assertEquals(Optional.empty(), vm.attachment());
        assertEquals(Optional.empty(), vm.isolation().filter());
        assertEquals(Optional.empty(), vm.networkPolicy());
        assertEquals(ConnectionLog.empty(Optional.empty()), vm.connectionLog());
        assertThrows(InvalidValueException.class, () -> vm.setNetworkPolicy(NetworkPolicy.none()));
        assertThrows(InvalidValueException.class, () -> vm.setBandwidth(BandwidthLimit.unlimited()));
    }

    @Test
    void launch_listenerThrows_failsWithThatNamesTheStepAndLeavesNothing() {
        for (LaunchStep step : LaunchStep.values()) {
            if (!isAbleTo(step)) {
                continue;
            }
            List<String> before = left();
            AgentVMException stop = new AgentVMException("stop", FailureContext.of("test"));

            AgentVMException failure = assertThrows(
                    AgentVMException.class,
                    () -> connect().launch(template("stopped"), listener((done, time) -> {
                        if (done == step) {
                            throw stop;
                        }
                    })));

            assertSame(stop, failure);
            assertContains(failure, step.name());
            assertEquals(before, left(), () -> "left by a launch that failed after " + step);
        }
    }

    @Test
    void launch_interrupted_isUndoneAndKeepsTheInterrupt() {
        for (LaunchStep step : List.of(LaunchStep.HOST_CHECKED, LaunchStep.DISK_MADE, LaunchStep.RESUMED)) {
            if (!isAbleTo(step)) {
                continue;
            }
            List<String> before = left();
            Hypervisor hypervisor = connect();
            VMTemplate template = template("interrupted");

            Call<VM> launch = Call.begin(() -> hypervisor.launch(template, listener((done, time) -> {
                if (done == step) {
                    Thread.currentThread().interrupt();
                }
            })));
            finish(launch);

            assertInstanceOf(AgentVMException.class, launch.failure(), () -> "interrupted after " + step);
            assertTrue(launch.interruptKept(), () -> "the interrupt after " + step + " is kept");
            assertEquals(before, left());
        }
    }

    @Test
    void launch_imageUnknown_isRefusedBeforeAnythingIsMade() {
        List<String> before = left();

        ImageNotFoundException refusal = assertThrows(
                ImageNotFoundException.class,
                () -> connect().launch(template("vm").withImage(GuestImage.named("no-such-image"))));

        assertContains(refusal, "no-such-image");
        assertEquals(before, left());
    }

    @Test
    void launch_nameTaken_isRefusedAndLeavesTheOtherAlone() {
        requires(Ability.LAUNCH);
        VM first = connect().launch(template("taken"));
        List<String> before = left();

        VMAlreadyExistsException refusal =
                assertThrows(VMAlreadyExistsException.class, () -> connect().launch(template("taken")));

        assertContains(refusal, "taken");
        assertEquals(before, left());
        assertTrue(first.exec(Command.of("true")).success());
    }

    @Test
    void launch_cloudInit_succeedsAndTellsNobodyItsSecrets() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VMTemplate template = template("prepared").withCloudInit(SECRETIVE);

        VM vm = hypervisor.launch(template);
        assertTrue(vm.exec(Command.of("true")).success());
        vm.close();

        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());
        assertNoSecret(template, withLabels(events), vm, vm.warnings());
    }

    /** Before anything is made for cloud-init, and when all has been made. */
    @Test
    void launch_cloudInitButFails_tellsNobodyItsSecrets() {
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VMTemplate template = template("unprepared").withCloudInit(SECRETIVE);

        AgentVMException early = assertThrows(
                ImageNotFoundException.class,
                () -> hypervisor.launch(template.withImage(GuestImage.named("no-such-image"))));
        AgentVMException late = assertThrows(
                AgentVMException.class,
                () -> hypervisor.launch(template, listener((step, time) -> {
                    if (step == LaunchStep.DISK_MADE) {
                        throw new AgentVMException("stop", FailureContext.of("test"));
                    }
                })));

        eventually("both are told", () -> of(events, LaunchFailed.class).size() == 2);
        assertNoSecret(stackTrace(early), stackTrace(late), withLabels(events));
    }

    private static void assertNoSecret(Object... told) {
        String text = Arrays.toString(told);
        SECRET.forEach(secret -> assertFalse(text.contains(secret), () -> secret + " is told by: " + text));
    }

    /** Their own texts leave the labels out, but whoever listens has them. */
    private static List<String> withLabels(List<VMEvent> events) {
        return events.stream().map(event -> event + " " + event.vm().labels()).toList();
    }

    /** With the messages of its causes, and of what went wrong besides. */
    private static String stackTrace(Throwable failure) {
        StringWriter text = new StringWriter();
        failure.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    @Test
    void launch_severalOfOneNameAtOnce_oneWins() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        VMTemplate template = template("twin");
        CountDownLatch checked = new CountDownLatch(2);
        LaunchOptions together = listener((step, time) -> {
            if (step == LaunchStep.HOST_CHECKED) {
                meet(checked);
            }
        });

        List<Call<VM>> launches = IntStream.range(0, 2)
                .mapToObj(i -> Call.begin(() -> hypervisor.launch(template, together)))
                .toList();
        launches.forEach(this::finish);

        List<Throwable> failures = launches.stream()
                .flatMap(launch -> Optional.ofNullable(launch.failure()).stream())
                .toList();
        assertEquals(1, failures.size(), failures::toString);
        assertInstanceOf(VMAlreadyExistsException.class, failures.get(0));
    }

    @Test
    void launch_severalAtOnce_giveEachItsOwn() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();

        List<Call<VM>> launches = IntStream.range(0, 2)
                .mapToObj(i -> template("vm-" + i))
                .map(template -> Call.begin(() -> hypervisor.launch(template)))
                .toList();
        launches.forEach(this::finish);

        List<VM> vms = launches.stream().map(Call::value).toList();
        List<NetworkAttachment> attachments =
                vms.stream().map(vm -> vm.attachment().orElseThrow()).toList();
        assertEquals(
                2,
                attachments.stream().map(NetworkAttachment::address).distinct().count());
        assertEquals(
                2, attachments.stream().map(NetworkAttachment::mac).distinct().count());
    }

    @Test
    void launch_sameTemplateAgain_givesAnotherId() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        VM first = hypervisor.launch(template("again"));
        first.destroy();

        assertNotEquals(first.id(), hypervisor.launch(template("again")).id());
    }

    @Test
    void launch_agentSilent_timesOutWithTheSerialLogAndLeavesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        Hypervisor hypervisor = connect();
        VMTemplate mute = templateWithoutAgent("mute");
        LaunchOptions patient =
                new LaunchOptions.Builder().timeout(Duration.ofSeconds(12)).build();

        OperationTimeoutException failure =
                assertThrows(OperationTimeoutException.class, () -> hypervisor.launch(mute, patient));

        assertEquals(Optional.of("mute"), failure.vmName());
        assertTrue(
                String.valueOf(failure.getMessage()).lines().count() > 1,
                () -> "has the end of the serial log: " + failure.getMessage());
        assertEquals(before, left());
    }

    @Test
    void find_running_givesTheSameVMToEveryProgram() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        VM found = connect().find("guest").orElseThrow();

        assertAll(
                () -> assertEquals(vm.name(), found.name()),
                () -> assertEquals(vm.id(), found.id()),
                () -> assertEquals(vm.labels(), found.labels()),
                () -> assertEquals(vm.attachment(), found.attachment()),
                () -> assertEquals(VMState.RUNNING, found.state()),
                () -> assertTrue(found.exec(Command.of("true")).success()));
    }

    @Test
    void find_running_doesNotRememberWhatItsProgramKnows() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        VM found = connect().find(vm.name()).orElseThrow();

        assertEquals(List.of(), found.warnings());
        assertEquals("", found.serialLog());
    }

    @Test
    void find_running_saysThatItsProgramWatchesIt() {
        requires(Ability.NETWORK);

        ConnectionLog log = connect().find(guest().name()).orElseThrow().connectionLog();

        assertEquals(List.of(), log.attempts());
        assertFalse(log.limitation().orElseThrow().isBlank());
    }

    @Test
    void find_nameOfNoVM_isEmpty() {
        assertEquals(Optional.empty(), connect().find("nobody"));
    }

    @Test
    void findAndList_ended_doNotHaveIt() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        hypervisor.launch(template("ended")).destroy();

        assertEquals(Optional.empty(), hypervisor.find("ended"));
        assertFalse(hypervisor.list().stream().anyMatch(vm -> vm.name().equals("ended")));
    }

    @Test
    void list_running_hasTheVMsOfEveryProgram() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        List<String> names = connect().list().stream().map(VM::name).toList();

        assertTrue(names.contains(vm.name()), names::toString);
    }

    @Test
    void close_found_leavesItRunning() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        connect().find(vm.name()).orElseThrow().close();

        assertEquals(VMState.RUNNING, vm.state());
        assertTrue(vm.exec(Command.of("true")).success());
    }

    @Test
    void destroy_found_endsItForEveryHandle() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("shared"));

        connect().find("shared").orElseThrow().destroy();

        assertTrue(vm.awaitEnd(LONG));
        assertEquals(VMState.DESTROYED, vm.state());
        eventually("nothing is left", () -> left().equals(before));
    }

    @Test
    void reap_programThatDied_removesWhatItLeft() {
        requires(Ability.LAUNCH);
        for (LaunchStep step : List.of(LaunchStep.DISK_MADE, LaunchStep.AGENT_READY)) {
            List<String> before = left();
            Hypervisor hypervisor = connect();
            launchInProgramThatDies(template("orphan"), step);

            ReapReport report = hypervisor.reap();

            assertFalse(report.removed().isEmpty(), "it says what it removed");
            assertEquals(List.of(), report.failed());
            assertEquals(before, left(), () -> "left after a death at " + step);
        }
    }

    @Test
    void reap_vmsAndLaunchesOfLivingPrograms_areLeftAlone() {
        requires(Ability.LAUNCH);
        Hypervisor reaper = connect();
        VM detached = connect().launch(template("neighbour"), DETACHED);
        List<ReapReport> reports = new ArrayList<>();

        VM attached = connect().launch(template("launching"), listener((step, time) -> reports.add(reaper.reap())));
        reports.add(reaper.reap());

        reports.forEach(report -> assertTrue(report.isEmpty(), report::toString));
        assertEquals(VMState.RUNNING, attached.state());
        assertEquals(VMState.RUNNING, detached.state());
        detached.destroy();
    }

    @Test
    void reap_detachedVMPastItsTimeToLive_isRemoved() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        Hypervisor first = connect();
        first.launch(template("forgotten").withTimeToLive(Duration.ofSeconds(1)), DETACHED);
        first.close();
        Hypervisor second = connect();

        elapse(Duration.ofSeconds(2));
        ReapReport report = second.reap();

        assertEquals(List.of(), report.failed());
        assertEquals(before, left());
        assertEquals(Optional.empty(), second.find("forgotten"));
    }

    @Test
    void reap_detachedVMPastItsIdleTimeout_isRemoved() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        Hypervisor first = connect();
        first.launch(template("abandoned").withIdleTimeout(Duration.ofSeconds(1)), DETACHED);
        first.close();
        Hypervisor second = connect();

        elapse(Duration.ofSeconds(4));
        ReapReport report = second.reap();

        assertEquals(List.of(), report.failed());
        assertEquals(before, left());
    }

    @Test
    void reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        RecordedMetrics metrics = new RecordedMetrics();
        Hypervisor hypervisor = connect(metrics);
        Hypervisor first = connect();
        launchInProgramThatDies(template("orphan"), LaunchStep.DISK_MADE);
        VM expired = first.launch(template("expired").withTimeToLive(Duration.ofSeconds(1)), DETACHED);
        first.close();
        elapse(Duration.ofSeconds(2));
        List<String> remains = left();

        ReapReport report = hypervisor.reap(true);

        assertEquals(List.of(), report.failed());
        String said = String.join("; ", report.removed());
        assertTrue(said.contains("expired") && said.contains("time to live"), said);
        assertTrue(said.contains("program is gone"), said);
        assertEquals(remains, left());
        assertEquals(expired.id(), hypervisor.find("expired").map(VM::id).orElse(null));
        assertEquals(0, metrics.counted(REMOVED));
        assertEquals(report.removed(), hypervisor.reap().removed());
        assertEquals(before, left());
        eventually("what was removed is measured", () -> metrics.counted(REMOVED) > 0);
        assertEquals(report.removed().size(), metrics.counted(REMOVED));
    }

    @Test
    void reap_nothingLeft_isEmpty() {
        Hypervisor hypervisor = connect();
        hypervisor.reap();

        assertTrue(hypervisor.reap().isEmpty());
    }

    @Test
    void closeHypervisor_attachedVMs_areDestroyedAndDetachedLiveOn() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        Hypervisor hypervisor = connect();
        VM attached = hypervisor.launch(template("attached"));
        hypervisor.launch(template("detached"), DETACHED);

        hypervisor.close();

        assertEquals(VMState.DESTROYED, attached.state());
        Hypervisor other = connect();
        assertEquals(Optional.empty(), other.find("attached"));
        other.find("detached").orElseThrow().destroy();
        assertEquals(before, left());
    }

    @Test
    void closeHypervisor_twice_doesNothing() {
        Hypervisor hypervisor = connect();
        hypervisor.close();

        hypervisor.close();
    }

    @Test
    void closeHypervisor_thenUse_isRefused() {
        Hypervisor hypervisor = connect();
        hypervisor.close();

        VMTemplate template = template("late");
        GuestImage disk = GuestImage.disk(Path.of("/late.qcow2"));
        assertAll(
                () -> assertThrows(HypervisorUnavailableException.class, () -> hypervisor.launch(template)),
                () -> assertThrows(HypervisorUnavailableException.class, () -> hypervisor.find("late")),
                () -> assertThrows(HypervisorUnavailableException.class, hypervisor::list),
                () -> assertThrows(
                        HypervisorUnavailableException.class,
                        () -> hypervisor.images().list()),
                () -> assertThrows(
                        HypervisorUnavailableException.class,
                        () -> hypervisor.images().add("late", disk)),
                () -> assertThrows(
                        HypervisorUnavailableException.class,
                        () -> hypervisor.images().remove("late")),
                () -> assertThrows(HypervisorUnavailableException.class, hypervisor::reap));
    }

    @Test
    void closeHypervisor_duringALaunch_undoesIt() {
        for (LaunchStep step : List.of(LaunchStep.DISK_MADE, LaunchStep.RESUMED)) {
            if (!isAbleTo(step)) {
                continue;
            }
            List<String> before = left();
            Hypervisor hypervisor = connect();
            VMTemplate template = template("cut-short");
            CountDownLatch reached = new CountDownLatch(1);
            withTimeHeld(() -> {
                Call<VM> launch = Call.begin(() -> hypervisor.launch(template, listener((done, time) -> {
                    if (done == step) {
                        reached.countDown();
                    }
                })));
                meetLate(reached);

                hypervisor.close();

                assertEquals(before, left(), () -> "left by a launch that was cut short after " + step);
                finish(launch);
                assertInstanceOf(AgentVMException.class, launch.failure());
                assertEquals(before, left());
            });
        }
    }

    @Test
    void gone_values_stillAnswer() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("late").withLabels(Map.of("task", "t-1")));
        Object id = vm.id();
        Object attachment = vm.attachment();

        vm.close();

        assertAll(
                () -> assertEquals("late", vm.name()),
                () -> assertEquals(id, vm.id()),
                () -> assertEquals(Map.of("task", "t-1"), vm.labels()),
                () -> assertEquals(VMState.DESTROYED, vm.state()),
                () -> assertEquals(attachment, vm.attachment()),
                () -> assertFalse(vm.endReason().orElseThrow().isBlank()),
                () -> assertFalse(vm.serialLog().isBlank()),
                () -> assertTrue(vm.awaitEnd(Duration.ZERO)));
    }

    @Test
    void gone_calls_throwThatItIsDestroyed() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("late"));
        vm.close();

        VMDestroyedException failure = assertThrows(VMDestroyedException.class, () -> vm.exec(Command.of("true")));
        assertEquals(Optional.of("late"), failure.vmName());
        assertThrows(VMDestroyedException.class, () -> vm.start(Command.of("true")));
        assertThrows(VMDestroyedException.class, () -> vm.files().exists("/tmp"));
        assertThrows(VMDestroyedException.class, vm::isolation);
        assertThrows(VMDestroyedException.class, () -> vm.setNetworkPolicy(NetworkPolicy.none()));
        assertThrows(VMDestroyedException.class, () -> vm.setBandwidth(BandwidthLimit.unlimited()));
        assertThrows(VMDestroyedException.class, () -> vm.snapshot("late"));
        assertThrows(VMDestroyedException.class, () -> vm.restore("late"));
        assertThrows(VMDestroyedException.class, () -> vm.deleteSnapshot("late"));
        assertThrows(VMDestroyedException.class, vm::reset);
        assertThrows(VMDestroyedException.class, vm::pause);
        assertThrows(VMDestroyedException.class, vm::resume);
    }

    @Test
    void endReason_running_isEmpty() {
        requires(Ability.LAUNCH);

        assertEquals(Optional.empty(), guest().endReason());
    }

    @Test
    void awaitEnd_running_isFalseWhenTheTimeIsOver() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        assertFalse(vm.awaitEnd(Duration.ofMillis(300)));
        assertFalse(vm.awaitEnd(Duration.ZERO));
    }

    @Test
    void awaitEnd_endedMeanwhile_isTrueAtOnce() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("awaited"));
        withTimeHeld(() -> {
            Call<Boolean> waiter = Call.begin(() -> vm.awaitEnd(Duration.ofHours(1)));
            eventually("it waits", () -> waiter.waits() || waiter.isOver());

            vm.destroy();
            finish(waiter);

            assertTrue(waiter.value());
        });
    }

    @Test
    void awaitEnd_longerThanClocksTell_isTrueAtTheEnd() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("awaited"));
        withTimeHeld(() -> {
            Call<Boolean> waiter = Call.begin(() -> vm.awaitEnd(FOREVER));
            eventually("it waits", () -> waiter.waits() || waiter.isOver());

            vm.destroy();
            finish(waiter);

            assertTrue(waiter.value());
        });
    }

    @Test
    void awaitEnd_interrupted_throwsAndKeepsTheInterrupt() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        withTimeHeld(() -> {
            Call<Boolean> waiter = Call.begin(() -> vm.awaitEnd(Duration.ofHours(1)));
            eventually("it waits", () -> waiter.waits() || waiter.isOver());

            waiter.interrupt();
            finish(waiter);

            assertInstanceOf(AgentVMException.class, waiter.failure());
            assertTrue(waiter.interruptKept());
        });
    }

    @Test
    void exec_programFails_givesItsExitCodeAndBothOutputs() {
        requires(Ability.LAUNCH);

        ExecResult result = guest().exec(Command.of("cat", "-", "/nonexistent").withStdinText("out"));

        assertEquals(OptionalInt.of(1), result.exitCode());
        assertEquals(OptionalInt.empty(), result.signal());
        assertEquals("out", result.stdoutText());
        assertTrue(result.stderrText().contains("/nonexistent"), result::stderrText);
    }

    @Test
    void exec_stdin_reachesTheProgramByteForByte() {
        requires(Ability.LAUNCH);
        byte[] bytes = bytes(100_000);

        assertArrayEquals(
                bytes, guest().exec(Command.of("cat").withStdin(bytes)).stdout());
    }

    @Test
    void exec_stdinNotSaid_isAtItsEnd() {
        requires(Ability.LAUNCH);

        ExecResult result = guest().exec(Command.of("cat").withTimeout(Duration.ofSeconds(20)));

        assertEquals("", result.stdoutText());
        assertTrue(result.success());
    }

    @Test
    void exec_endedByASignal_saysWhich() {
        requires(Ability.LAUNCH);

        ExecResult result = guest().exec(KILLS_ITSELF);

        assertEquals(OptionalInt.of(9), result.signal());
        assertEquals(OptionalInt.empty(), result.exitCode());
        assertFalse(result.success());
    }

    @Test
    void exec_arguments_reachTheProgramUnread() {
        requires(Ability.LAUNCH);
        String odd = "$HOME `pwd` \"'; * ü \u4e16";

        assertEquals(odd + " ;\n", guest().exec(Command.of("echo", odd, ";")).stdoutText());
    }

    @Test
    void exec_environment_isAddedToTheGuests() {
        requires(Ability.LAUNCH);

        ExecResult result = guest().exec(Command.of("env").withEnvironment(Map.of("TOKEN", "a b=c")));

        List<String> lines = result.stdoutText().lines().toList();
        assertTrue(lines.contains("TOKEN=a b=c"), lines::toString);
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("PATH=")), lines::toString);
    }

    @Test
    void exec_workingDirectory_isWhereItStarts() {
        requires(Ability.LAUNCH);

        assertEquals(
                "/tmp\n",
                guest().exec(Command.of("pwd").withWorkingDirectory("/tmp")).stdoutText());
    }

    @Test
    void exec_user_isWhoItRunsAs() {
        requires(Ability.LAUNCH);

        List<String> lines = guest().exec(Command.of("env").withUser("nobody"))
                .stdoutText()
                .lines()
                .toList();

        assertTrue(lines.contains("USER=nobody"), lines::toString);
        assertTrue(lines.contains("LOGNAME=nobody"), lines::toString);
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("HOME=/")), lines::toString);
    }

    @Test
    void exec_userThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure = assertThrows(
                CommandStartException.class, () -> vm.exec(Command.of("true").withUser("no-such-user")));

        assertContains(failure, "no-such-user");
    }

    @Test
    void exec_programThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure =
                assertThrows(CommandStartException.class, () -> vm.exec(Command.of("no-such-program", "argument")));

        assertContains(failure, "no-such-program");
    }

    @Test
    void exec_directoryThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure = assertThrows(
                CommandStartException.class, () -> vm.exec(Command.of("pwd").withWorkingDirectory("/nonexistent")));

        assertContains(failure, "/nonexistent");
    }

    @Test
    void exec_longerThanItsTimeout_isKilled() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        Command command = new Command.Builder()
                .addArgv("sleep", "301")
                .timeout(Duration.ofSeconds(1))
                .build();

        CommandTimeoutException failure = assertThrows(CommandTimeoutException.class, () -> vm.exec(command));

        assertEquals(Optional.of(vm.name()), failure.vmName());
        eventually("it is killed", () -> !isRunning(vm, "sleep"));
    }

    @Test
    void exec_moreOutputThanAllowed_isKilled() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        assertThrows(OutputLimitException.class, () -> vm.exec(Command.of("yes")));

        eventually("it is killed", () -> !isRunning(vm, "yes"));
    }

    @Test
    void exec_interrupted_isKilledAndKeepsTheInterrupt() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        withTimeHeld(() -> {
            Call<ExecResult> call = Call.begin(() -> vm.exec(Command.of("sleep", "302")));
            eventually("it runs", () -> call.isOver() || isRunning(vm, "sleep"));

            call.interrupt();
            finish(call);

            assertEquals(
                    AgentVMException.class,
                    assertInstanceOf(AgentVMException.class, call.failure()).getClass());
            assertTrue(call.interruptKept());
            eventually("it is killed", () -> !isRunning(vm, "sleep"));
        });
    }

    @Test
    void exec_vmDestroyedMeanwhile_throwsThat() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("shot"));
        withTimeHeld(() -> {
            Call<ExecResult> call = Call.begin(() -> vm.exec(Command.of("sleep", "303")));
            eventually("it runs", () -> call.isOver() || isRunning(vm, "sleep"));

            vm.destroy();
            finish(call);

            assertInstanceOf(VMDestroyedException.class, call.failure());
        });
    }

    @Test
    void exec_guestPowersOff_throwsThatAndLeavesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("off"));

        assertThrows(VMDestroyedException.class, () -> vm.exec(Command.of("poweroff", "-f")));

        assertTrue(vm.awaitEnd(LONG));
        assertTrue(vm.endReason().orElseThrow().contains("stopped"), () -> "why: " + vm.endReason());
        eventually("nothing is left", () -> left().equals(before));
    }

    @Test
    void exec_processLeftBehind_holdsNothingUp() {
        requires(Ability.LAUNCH);

        ExecResult result = guest().exec(LEAVES_A_PROCESS);

        assertEquals("left\n", result.stdoutText());
        assertTrue(result.duration().compareTo(LONG) < 0, () -> "took " + result.duration());
    }

    @Test
    void exec_duration_isTheTimeThatItTook() {
        requires(Ability.LAUNCH);

        Duration duration = guest().exec(Command.of("sleep", "1")).duration();

        assertTrue(duration.compareTo(Duration.ofSeconds(1)) >= 0, () -> "took " + duration);
        assertTrue(duration.compareTo(LONG) < 0, () -> "took " + duration);
    }

    @Test
    void exec_byManyThreads_givesEachItsOwn() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        List<Call<ExecResult>> calls = IntStream.range(0, 8)
                .mapToObj(i -> Call.begin(() -> vm.exec(Command.of("echo", "number " + i))))
                .toList();
        calls.forEach(this::finish);

        assertEquals(
                IntStream.range(0, 8).mapToObj(i -> "number " + i + "\n").toList(),
                calls.stream().map(call -> call.value().stdoutText()).toList());
    }

    @Test
    void exec_moreOutputThanItsOwnLimit_isKilled() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        Command command = Command.of("cat").withStdin(new byte[1001]);

        assertThrows(OutputLimitException.class, () -> vm.exec(command.withOutputLimit(OutputLimit.fail(1000))));
        assertEquals(
                1001, vm.exec(command.withOutputLimit(OutputLimit.fail(1001))).stdout().length);
    }

    @Test
    void exec_moreOutputThanIsKept_isItsEndsAndHowMuchIsLeftOut() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        byte[] bytes = bytes(100_000);
        Command command = Command.of("cat").withStdin(bytes);

        ExecResult result = vm.exec(command.withOutputLimit(OutputLimit.keepEnds(1000)));

        assertTrue(result.success());
        assertEquals(1000, result.stdout().length);
        assertArrayEquals(Arrays.copyOf(bytes, 500), Arrays.copyOf(result.stdout(), 500));
        assertArrayEquals(Arrays.copyOfRange(bytes, 99_500, 100_000), Arrays.copyOfRange(result.stdout(), 500, 1000));
        assertEquals(Optional.of(new ExecResult.Omission(500, 99_000)), result.stdoutOmission());
        assertEquals(Optional.empty(), result.stderrOmission());
    }

    @Test
    void exec_eachOutput_hasALimitOfItsOwnToWhatIsKept() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        String[] missing =
                IntStream.range(0, 20).mapToObj(i -> "/nonexistent/" + i).toArray(String[]::new);
        Command command = new Command.Builder()
                .addArgv("cat", "-")
                .addArgv(missing)
                .stdin(bytes(200))
                .build();
        byte[] errors = vm.exec(command).stderr();

        ExecResult result = vm.exec(command.withOutputLimit(OutputLimit.keepEnds(200)));

        assertArrayEquals(bytes(200), result.stdout());
        assertEquals(Optional.empty(), result.stdoutOmission());
        assertEquals(200, result.stderr().length);
        assertArrayEquals(Arrays.copyOf(errors, 100), Arrays.copyOf(result.stderr(), 100));
        assertArrayEquals(
                Arrays.copyOfRange(errors, errors.length - 100, errors.length),
                Arrays.copyOfRange(result.stderr(), 100, 200));
        assertEquals(Optional.of(new ExecResult.Omission(100, errors.length - 200L)), result.stderrOmission());
    }

    @Test
    void start_output_isThereWhileTheProgramRuns() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("cat"))) {
            for (String line : List.of("one", "two")) {
                process.stdin().write((line + "\n").getBytes(StandardCharsets.UTF_8));
                process.stdin().flush();

                assertEquals(line, line(process.stdout()));
                assertTrue(process.isAlive());
            }
        }
    }

    @Test
    void start_errors_areThereWhileTheProgramRunsAndApart() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(ERRS_AND_COPIES)) {
            assertEquals("aside", line(process.stderr()));
            assertTrue(process.isAlive());

            process.stdin().write("copied".getBytes(StandardCharsets.UTF_8));
            process.stdin().close();

            assertEquals("copied", text(process.stdout()));
            assertEquals("", text(process.stderr()));
        }
    }

    @Test
    void start_stdinOpen_isWaitedForUntilItIsClosed() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("cat").withStdinText("first, "))) {
            process.stdin().write("second".getBytes(StandardCharsets.UTF_8));
            assertEquals(Optional.empty(), process.waitFor(Duration.ofMillis(300)));

            process.stdin().close();

            assertEquals("first, second", text(process.stdout()));
            assertEquals(OptionalInt.of(0), process.waitFor().exitCode());
        }
    }

    @Test
    void start_inputThatIsNotTakenUp_holdsItsWriterUp() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        byte[] bytes = bytes(3_000_000);
        withTimeHeld(() -> {
            try (VMProcess process = vm.start(Command.of("cat"))) {
                Call<Boolean> writer = Call.begin(() -> {
                    process.stdin().write(bytes);
                    process.stdin().close();
                    return true;
                });
                eventually("it waits", () -> writer.waits() || writer.isOver());
                elapse(Duration.ofMillis(500));
                assertFalse(writer.isOver());

                Call<byte[]> reader = Call.begin(() -> process.stdout().readAllBytes());
                finish(writer);
                finish(reader);

                assertTrue(writer.value());
                assertArrayEquals(bytes, reader.value());
            }
        });
    }

    @Test
    void start_inputOfWhatHasEnded_isRefused() {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("true"))) {
            assertTrue(process.waitFor().success());

            assertThrows(IOException.class, () -> process.stdin().write(1));
        }
    }

    @Test
    void start_bytes_goThroughUnchanged() throws IOException {
        requires(Ability.LAUNCH);
        byte[] bytes = bytes(100_000);
        try (VMProcess process = guest().start(Command.of("cat"))) {
            process.stdin().write(bytes);
            process.stdin().close();

            assertArrayEquals(bytes, process.stdout().readAllBytes());
        }
    }

    @Test
    void start_reader_doesNotBreakCharacters() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("cat"))) {
            for (byte one : "größer 😀\n".getBytes(StandardCharsets.UTF_8)) {
                process.stdin().write(one);
                process.stdin().flush();
            }

            assertEquals("größer 😀", process.stdoutReader().readLine());
        }
    }

    @Test
    void start_programFails_givesItsExitCodeAndErrors() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("cat", "/nonexistent"))) {
            String errors = text(process.stderr());

            assertEquals("", text(process.stdout()));
            assertTrue(errors.contains("/nonexistent"), errors);
            ExitStatus status = process.waitFor();
            assertEquals(OptionalInt.of(1), status.exitCode());
            assertEquals(OptionalInt.empty(), status.signal());
            assertEquals(Optional.empty(), status.failure());
        }
    }

    @Test
    void start_command_isRunAsItSays() throws IOException {
        requires(Ability.LAUNCH);
        VM vm = guest();
        Command env = Command.of("env").withUser("nobody").withEnvironment(Map.of("TOKEN", "a b=c"));
        try (VMProcess process = vm.start(env);
                VMProcess other = vm.start(Command.of("pwd").withWorkingDirectory("/tmp"))) {
            List<String> lines = text(process.stdout()).lines().toList();

            assertTrue(lines.containsAll(List.of("USER=nobody", "TOKEN=a b=c")), lines::toString);
            assertEquals("/tmp\n", text(other.stdout()));
        }
    }

    @Test
    void start_outputLimit_isNotMeant() throws IOException {
        requires(Ability.LAUNCH);
        Command command = Command.of("echo", "more than two bytes").withOutputLimit(OutputLimit.fail(2));
        try (VMProcess process = guest().start(command)) {
            assertEquals("more than two bytes\n", text(process.stdout()));
            assertTrue(process.waitFor().success());
        }
    }

    @Test
    void start_userThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure = assertThrows(
                CommandStartException.class, () -> vm.start(Command.of("true").withUser("no-such-user")));

        assertContains(failure, "no-such-user");
    }

    @Test
    void start_programThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure =
                assertThrows(CommandStartException.class, () -> vm.start(Command.of("no-such-program", "argument")));

        assertContains(failure, "no-such-program");
    }

    @Test
    void start_directoryThatTheGuestLacks_isNotStarted() {
        requires(Ability.LAUNCH);
        VM vm = guest();

        CommandStartException failure = assertThrows(
                CommandStartException.class, () -> vm.start(Command.of("pwd").withWorkingDirectory("/nonexistent")));

        assertContains(failure, "/nonexistent");
    }

    @Test
    void start_signal_endsItAndIsTold() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        try (VMProcess process = vm.start(Command.of("sleep", "304"))) {
            assertTrue(isRunning(vm, "sleep"));
            assertThrows(InvalidValueException.class, () -> process.signal(0));
            assertThrows(InvalidValueException.class, () -> process.signal(65));

            process.signal(15);

            ExitStatus status = process.waitFor();
            assertEquals(OptionalInt.of(15), status.signal());
            assertEquals(OptionalInt.empty(), status.exitCode());
            assertFalse(isRunning(vm, "sleep"));
        }
    }

    @Test
    void start_killed_endsBySignal9AndKillingAgainDoesNothing() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        try (VMProcess process = vm.start(Command.of("sleep", "305"))) {
            process.kill();

            assertFalse(isRunning(vm, "sleep"));
            assertEquals(OptionalInt.of(9), process.waitFor().signal());
            process.kill();
            process.signal(15);
            assertEquals(OptionalInt.of(9), process.waitFor().signal());
        }
    }

    @Test
    void start_endedByForce_endsWhatItHasStartedToo() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        VMProcess closed = vm.start(STARTS_A_PROCESS);
        try (VMProcess killed = vm.start(STARTS_A_PROCESS);
                VMProcess signalled = vm.start(STARTS_A_PROCESS)) {
            eventually("each has started one", () -> running(vm, "sleep") == 3);

            killed.kill();
            closed.close();
            signalled.signal(15);

            assertEquals(OptionalInt.of(9), killed.waitFor().signal());
            assertEquals(OptionalInt.of(9), closed.waitFor().signal());
            assertEquals(OptionalInt.of(15), signalled.waitFor().signal());
            awaitBurial(vm, "sleep");
        }
    }

    @Test
    void timeout_over_endsWhatTheCommandHasStartedToo() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        Command brief = STARTS_A_PROCESS.withTimeout(Duration.ofSeconds(1));
        try (VMProcess process = vm.start(brief)) {
            assertThrows(CommandTimeoutException.class, () -> vm.exec(brief));
            assertInstanceOf(
                    CommandTimeoutException.class, process.waitFor().failure().orElseThrow());

            awaitBurial(vm, "sleep");
        }
    }

    /** What is dead and has no parent is seen until the guest's init buries it, a second later or so. */
    private void awaitBurial(VM vm, String program) {
        eventually("all have ended", () -> !isRunning(vm, program));
    }

    @Test
    void start_closed_isKilledAndItsStreamsAreClosed() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        VMProcess process = vm.start(Command.of("sleep", "306"));

        process.close();
        process.close();

        assertFalse(isRunning(vm, "sleep"));
        assertFalse(process.isAlive());
        assertThrows(IOException.class, () -> process.stdout().read());
        assertThrows(IOException.class, () -> process.stdin().write(1));
    }

    @Test
    void start_outputThatNobodyReads_holdsItUpUntilItIsRead() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("yes"))) {
            assertEquals(Optional.empty(), process.waitFor(Duration.ofMillis(300)));

            byte[] read = process.stdout().readNBytes(3_000_000);

            assertEquals("y\n".repeat(1_500_000), new String(read, StandardCharsets.UTF_8));
            assertTrue(process.isAlive());
        }
    }

    @Test
    void start_moreOutputThanIsBuffered_doesNotEndUntilItIsRead() throws IOException {
        requires(Ability.LAUNCH);
        Command much = Command.of("head", "-c", "8000000", "/dev/zero");
        try (VMProcess process = guest().start(much)) {
            assertEquals(Optional.empty(), process.waitFor(Duration.ofSeconds(3)));

            assertEquals(8_000_000, process.stdout().readAllBytes().length);
            assertEquals(ExitStatus.exited(0), process.waitFor());
        }
    }

    @Test
    void start_longerThanItsTimeout_isKilledAndSaysSo() throws IOException {
        requires(Ability.LAUNCH);
        VM vm = guest();
        try (VMProcess process = vm.start(Command.of("sleep", "307").withTimeout(Duration.ofSeconds(1)))) {
            ExitStatus status = process.waitFor();

            assertInstanceOf(CommandTimeoutException.class, status.failure().orElseThrow());
            assertFalse(isRunning(vm, "sleep"));
            assertEquals(-1, process.stdout().read());
        }
    }

    @Test
    void start_onExit_isCompletedByTheEndAndBelongsToTheCaller() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        withTimeHeld(() -> {
            try (VMProcess process = vm.start(Command.of("sleep", "308"))) {
                CompletableFuture<ExitStatus> exit = process.onExit();
                CompletableFuture<ExitStatus> other = process.onExit();
                assertTrue(other.cancel(true));
                assertFalse(exit.isDone());

                process.signal(15);

                eventually("its end is told", exit::isDone);
                assertEquals(OptionalInt.of(15), exit.join().signal());
            }
        });
    }

    /** Of so much that some is on its way when the end is told, and somebody must bring it while the callback runs. */
    @Test
    void start_onExitCallbackThatReads_getsAllOfTheOutput() {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(Command.of("head", "-c", "1000000", "/dev/zero"))) {
            CompletableFuture<Integer> length = process.onExit().thenApply(status -> {
                try {
                    return process.stdout().readAllBytes().length;
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });

            assertEquals(1_000_000, length.orTimeout(60, TimeUnit.SECONDS).join());
        }
    }

    @Test
    void start_waiterInterrupted_keepsTheInterruptAndLetsItRun() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        withTimeHeld(() -> {
            try (VMProcess process = vm.start(Command.of("sleep", "309"))) {
                Call<ExitStatus> call = Call.begin(process::waitFor);
                eventually("it waits", () -> call.waits() || call.isOver());

                call.interrupt();
                finish(call);

                assertInstanceOf(AgentVMException.class, call.failure());
                assertTrue(call.interruptKept());
                assertTrue(process.isAlive());
            }
        });
    }

    @Test
    void destroy_whileOthersWait_isToldToEachOfThemSoon() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("shot"));
        withTimeHeld(() -> {
            VMProcess process = vm.start(Command.of("sleep", "310"));
            VMProcess full = vm.start(Command.of("cat"));
            Map<String, Call<?>> waiters = Map.of(
                    "exec", Call.begin(() -> vm.exec(Command.of("sleep", "318"))),
                    "exec that keeps ends",
                            Call.begin(() ->
                                    vm.exec(Command.of("sleep", "319").withOutputLimit(OutputLimit.keepEnds(100)))),
                    "waitFor", Call.begin(() -> thrown(process.waitFor())),
                    "waitFor with a limit",
                            Call.begin(() ->
                                    thrown(process.waitFor(Duration.ofHours(1)).orElseThrow())),
                    "reader", Call.begin(() -> process.stdout().read()),
                    "reader of errors", Call.begin(() -> process.stderr().read()),
                    "writer", Call.begin(() -> written(full, 3_000_000)));
            CompletableFuture<Long> onExit = process.onExit().thenApply(status -> System.nanoTime());
            eventually("all wait", () -> waiters.values().stream().allMatch(call -> call.waits() || call.isOver()));

            long begin = System.nanoTime();
            vm.destroy();
            waiters.values().forEach(this::finish);
            eventually("onExit is completed", onExit::isDone);

            assertSoon("onExit", onExit.join() - begin);
            waiters.forEach((name, call) -> {
                Throwable failure = call.failure();
                assertInstanceOf(
                        VMDestroyedException.class,
                        failure instanceof IOException ? failure.getCause() : failure,
                        name);
                assertSoon(name, call.end() - begin);
            });
            assertThrows(IOException.class, () -> process.stdin().write(new byte[1_000_000]));
            process.close();
        });
    }

    private static ExitStatus thrown(ExitStatus status) {
        throw status.failure().orElseThrow();
    }

    private static int written(VMProcess process, int bytes) throws IOException {
        process.stdin().write(new byte[bytes]);
        return bytes;
    }

    private void assertSoon(String what, long nanos) {
        assertTrue(
                Duration.ofNanos(nanos).compareTo(promptness()) < 0,
                () -> what + " was told after " + nanos / 1_000_000 + " ms");
    }

    @Test
    void start_processLeftBehind_holdsNothingUp() throws IOException {
        requires(Ability.LAUNCH);
        try (VMProcess process = guest().start(LEAVES_A_PROCESS)) {
            assertEquals("left\n", text(process.stdout()));
            assertTrue(process.waitFor().success());
        }
    }

    @Test
    void start_severalAtOnce_eachHasItsOwnStreams() throws IOException {
        requires(Ability.LAUNCH);
        VM vm = guest();
        List<VMProcess> processes =
                IntStream.range(0, 8).mapToObj(i -> vm.start(Command.of("cat"))).toList();
        for (int i = 0; i < 8; i++) {
            processes.get(i).stdin().write(("number " + i).getBytes(StandardCharsets.UTF_8));
            processes.get(i).stdin().close();
        }
        for (int i = 0; i < 8; i++) {
            assertEquals("number " + i, text(processes.get(i).stdout()));
            processes.get(i).close();
        }
    }

    @Test
    void commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        int many = 20;
        withTimeHeld(() -> {
            CountDownLatch heard = new CountDownLatch(many);
            CountDownLatch executed = new CountDownLatch(1);
            List<Call<String>> started = IntStream.range(0, many)
                    .mapToObj(i -> Call.begin(() -> {
                        try (VMProcess process = vm.start(Command.of("cat"))) {
                            process.stdin().write(("first of " + i + "\n").getBytes(StandardCharsets.UTF_8));
                            process.stdin().flush();
                            String first = line(process.stdout());
                            meet(heard);
                            meetLate(executed);
                            process.stdin().write(("second of " + i).getBytes(StandardCharsets.UTF_8));
                            process.stdin().close();
                            return first + ", " + text(process.stdout()) + ", " + process.waitFor();
                        }
                    }))
                    .toList();
            // All run now, and each has answered.
            meetLate(heard);
            List<Call<ExecResult>> execs = IntStream.range(0, 4)
                    .mapToObj(i -> Call.begin(() -> vm.exec(Command.of("echo", "exec " + i))))
                    .toList();
            execs.forEach(this::finish);
            executed.countDown();
            started.forEach(this::finish);

            assertEquals(
                    IntStream.range(0, 4).mapToObj(i -> "exec " + i + "\n").toList(),
                    execs.stream().map(call -> call.value().stdoutText()).toList());
            assertEquals(
                    IntStream.range(0, many)
                            .mapToObj(i -> "first of " + i + ", second of " + i + ", exit 0")
                            .toList(),
                    started.stream().map(Call::value).toList());
        });
    }

    @Test
    void files_write_isReadByteForByteByAllWhoRead() {
        requires(Ability.LAUNCH);
        VM vm = guest();
        byte[] bytes = bytes(100_000);
        withDirectory(vm.files(), directory -> {
            vm.files().write(directory + "/f", bytes);

            assertArrayEquals(bytes, vm.files().read(directory + "/f", bytes.length));
            assertArrayEquals(
                    bytes, vm.exec(Command.of("cat", directory + "/f")).stdout());
            assertEquals(
                    GuestFileException.Reason.TOO_BIG,
                    reason(() -> vm.files().read(directory + "/f", bytes.length - 1)));
        });
    }

    @Test
    void files_writeWhileOthersRead_isThereAsAWhole() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        String before = "a".repeat(100_000);
        String after = "b".repeat(100_000);
        withDirectory(files, directory -> {
            String file = directory + "/f";
            files.writeText(file, before);
            AtomicInteger reads = new AtomicInteger();
            AtomicBoolean written = new AtomicBoolean();
            Call<Set<Integer>> reader = Call.begin(() -> {
                Set<Integer> parts = new HashSet<>();
                while (!written.get()) {
                    String seen = files.readText(file, 200_000);
                    if (!seen.equals(before) && !seen.equals(after)) {
                        parts.add(seen.length());
                    }
                    reads.incrementAndGet();
                }
                return parts;
            });
            int enough = reads.get() + 5;
            do {
                for (String text : List.of(after, before, after)) {
                    files.writeText(file, text);
                }
            } while (reads.get() < enough && !reader.isOver());
            written.set(true);
            finish(reader);

            assertEquals(Set.of(), reader.value(), "bytes of the parts that were seen");
            assertEquals(after, files.readText(file, 200_000));
        });
    }

    @Test
    void files_readOfNothing_needsNoRoom() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(files, directory -> {
            files.writeText(directory + "/empty", "");
            files.writeText(directory + "/f", "x");

            assertEquals(0, files.read(directory + "/empty", 0).length);
            assertEquals(GuestFileException.Reason.TOO_BIG, reason(() -> files.read(directory + "/f", 0)));
            assertThrows(InvalidValueException.class, () -> files.read(directory + "/f", -1));
        });
    }

    @Test
    void files_writeExisting_keepsItsPermissionsUnlessOthersAreSaid() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(files, directory -> {
            files.writeText(directory + "/f", "new");
            assertEquals("0644", files.stat(directory + "/f").permissions());
            files.write(directory + "/f", bytes(5), "0750");
            files.writeText(directory + "/f", "kept");

            assertEquals("0750", files.stat(directory + "/f").permissions());
            assertEquals("kept", files.readText(directory + "/f", 100));
        });
    }

    @Test
    void files_writeOverALink_replacesTheLink() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.writeString(tree.resolve("f"), "old");
                    Files.createDirectory(tree.resolve("d"));
                    Files.createSymbolicLink(tree.resolve("l"), Path.of("f"));
                    Files.createSymbolicLink(tree.resolve("m"), Path.of("d"));
                    files.copyIn(tree, directory);

                    files.writeText(directory + "/l", "new");
                    files.writeText(directory + "/m", "new");

                    assertTrue(files.stat(directory + "/l").isFile());
                    assertTrue(files.stat(directory + "/m").isFile());
                    assertEquals("old", files.readText(directory + "/f", 100));
                    assertEquals(List.of(), files.list(directory + "/d"));
                }));
    }

    @Test
    void files_append_isWrittenBehindTheEnd() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(files, directory -> {
            files.append(directory + "/f", "one, ".getBytes(StandardCharsets.UTF_8));
            files.append(directory + "/f", "two".getBytes(StandardCharsets.UTF_8));

            assertEquals("one, two", files.readText(directory + "/f", 100));
        });
    }

    @Test
    void files_appendToALink_goesToTheFileThatItPointsTo() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Path file = Files.writeString(tree.resolve("f"), "old");
                    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
                    Files.createSymbolicLink(tree.resolve("l"), Path.of("f"));
                    files.copyIn(tree, directory);

                    files.append(directory + "/l", bytes(100_000));

                    assertEquals(
                            GuestFile.Kind.LINK, files.stat(directory + "/l").kind());
                    assertEquals("0640", files.stat(directory + "/f").permissions());
                    byte[] all = files.read(directory + "/f", 200_000);
                    assertEquals("old", new String(all, 0, 3, StandardCharsets.UTF_8));
                    assertArrayEquals(bytes(100_000), Arrays.copyOfRange(all, 3, all.length));
                }));
    }

    @Test
    void files_stat_saysWhatItIsWhoseAndSinceWhen() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        Instant then = Instant.ofEpochSecond(1_000_000_000);
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Path file = Files.writeString(tree.resolve("f"), "12345");
                    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-x--x"));
                    Files.setLastModifiedTime(file, FileTime.from(then));
                    files.copyIn(tree, directory);

                    assertEquals(
                            new GuestFile.Builder()
                                    .path(directory + "/f")
                                    .kind(GuestFile.Kind.FILE)
                                    .size(5)
                                    .permissions("0751")
                                    .uid(0)
                                    .gid(0)
                                    .modified(then)
                                    .build(),
                            files.stat(directory + "/f"));
                    assertTrue(files.stat("/").isDirectory());
                }));
    }

    @Test
    void files_linkThatLeadsNowhere_isThereItself() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.createSymbolicLink(tree.resolve("l"), Path.of("nowhere"));
                    files.copyIn(tree, directory);
                    String link = directory + "/l";

                    assertTrue(files.exists(link));
                    assertEquals(Optional.of("nowhere"), files.stat(link).linkTarget());
                    assertEquals(GuestFileException.Reason.NOT_FOUND, reason(() -> files.read(link, 1)));
                    files.delete(link);
                    assertFalse(files.exists(link));
                }));
    }

    @Test
    void files_list_hasAllThatIsThereSortedByName() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.createSymbolicLink(tree.resolve(".l"), Path.of("no where"));
                    files.copyIn(tree, directory);
                    files.writeText(directory + "/b c", "12345");
                    files.makeDirectories(directory + "/a/inner");

                    List<GuestFile> list = files.list(directory);

                    assertEquals(
                            List.of(".l", "a", "b c"),
                            list.stream().map(GuestFile::name).toList());
                    assertEquals(
                            List.of(GuestFile.Kind.LINK, GuestFile.Kind.DIRECTORY, GuestFile.Kind.FILE),
                            list.stream().map(GuestFile::kind).toList());
                    assertEquals(Optional.of("no where"), list.get(0).linkTarget());
                    assertEquals(5, list.get(2).size());
                    for (GuestFile file : list) {
                        assertEquals(directory + "/" + file.name(), file.path());
                        assertEquals(files.stat(file.path()), file);
                    }
                }));
    }

    @Test
    void files_delete_takesNoMoreThanIsAsked() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.createSymbolicLink(tree.resolve("l"), Path.of("d"));
                    files.copyIn(tree, directory);
                    files.makeDirectories(directory + "/d/empty");
                    files.writeText(directory + "/d/f", "x");

                    assertEquals(GuestFileException.Reason.NOT_EMPTY, reason(() -> files.delete(directory + "/d")));
                    files.delete(directory + "/d/empty");
                    assertFalse(files.exists(directory + "/d/empty"));
                    files.deleteRecursively(directory + "/l");
                    assertFalse(files.exists(directory + "/l"));
                    assertTrue(files.exists(directory + "/d/f"));
                    files.delete(directory + "/d/f");
                    files.writeText(directory + "/d/f", "x");
                    files.deleteRecursively(directory + "/d");
                    assertFalse(files.exists(directory + "/d"));
                    files.deleteRecursively(directory + "/d");
                }));
    }

    @Test
    void files_makeDirectories_makesThoseAboveToo() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(files, directory -> {
            files.makeDirectories(directory + "/a/b/c");
            files.makeDirectories(directory + "/a/b/c");

            assertTrue(files.stat(directory + "/a/b/c").isDirectory());
            assertEquals("0755", files.stat(directory + "/a/b").permissions());
        });
    }

    @Test
    void files_missing_isSaidByEachCall() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        String missing = "/nonexistent/f";

        assertFalse(files.exists(missing));
        withTree(tree -> {
            for (Runnable call : List.<Runnable>of(
                    () -> files.read(missing, 1),
                    () -> files.writeText(missing, "x"),
                    () -> files.append(missing, bytes(1)),
                    () -> files.list(missing),
                    () -> files.stat(missing),
                    () -> files.delete(missing),
                    () -> files.copyOut(missing, tree))) {
                assertEquals(GuestFileException.Reason.NOT_FOUND, reason(call));
            }
        });
        assertFalse(files.exists("/nonexistent"));
    }

    @Test
    void files_ofAnotherKind_areSaidToBe() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    String file = directory + "/f";
                    files.writeText(file, "x");
                    for (Runnable call : List.<Runnable>of(
                            () -> files.read(directory, 1),
                            () -> files.writeText(directory, "x"),
                            () -> files.append(directory, bytes(1)))) {
                        assertEquals(GuestFileException.Reason.NOT_A_FILE, reason(call));
                    }
                    for (Runnable call : List.<Runnable>of(
                            () -> files.list(file),
                            () -> files.makeDirectories(file),
                            () -> files.copyIn(tree, file))) {
                        assertEquals(GuestFileException.Reason.NOT_A_DIRECTORY, reason(call));
                    }
                }));
    }

    @Test
    void files_badPath_isRefusedByEachCall() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withTree(tree -> {
            for (String bad : List.of("", "f", "/tmp/../f", "/tmp/./f", "/tmp/\0", "/\ud800")) {
                for (Runnable call : List.<Runnable>of(
                        () -> files.read(bad, 1),
                        () -> files.writeText(bad, "x"),
                        () -> files.append(bad, bytes(1)),
                        () -> files.list(bad),
                        () -> files.stat(bad),
                        () -> files.exists(bad),
                        () -> files.makeDirectories(bad),
                        () -> files.delete(bad),
                        () -> files.deleteRecursively(bad),
                        () -> files.copyIn(tree, bad),
                        () -> files.copyOut(bad, tree))) {
                    assertThrows(InvalidValueException.class, call::run, bad);
                }
            }
        });
        assertThrows(InvalidValueException.class, () -> files.deleteRecursively("/"));
    }

    @Test
    void files_asUser_belongToThatUser() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.setPosixFilePermissions(
                            Files.createDirectory(tree.resolve("open")), PosixFilePermissions.fromString("rwxrwxrwx"));
                    Files.writeString(tree.resolve("f"), "x");
                    files.copyIn(tree, directory);
                    VMFiles nobodys = files.asUser("nobody");

                    nobodys.writeText(directory + "/open/g", "x");
                    nobodys.copyIn(tree.resolve("f"), directory + "/open/own");

                    assertEquals(0, files.stat(directory + "/f").uid());
                    for (String name : List.of("g", "own", "own/f")) {
                        assertNotEquals(
                                0, files.stat(directory + "/open/" + name).uid(), name);
                    }
                    assertThrows(
                            CommandStartException.class,
                            () -> files.asUser("no-such-user").exists("/tmp"));
                }));
    }

    @Test
    void copy_treeInAndOut_isTheSame() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.createDirectories(tree.resolve("in/d/empty"));
                    Files.write(tree.resolve("in/d/" + "long name ".repeat(15)), bytes(200_000));
                    Path script = Files.writeString(tree.resolve("in/run"), "#!/bin/sh\n");
                    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-x--x"));
                    Files.setLastModifiedTime(script, FileTime.from(Instant.ofEpochSecond(1_000_000_000)));
                    Files.createSymbolicLink(tree.resolve("in/d/link"), Path.of("../run"));

                    CopyReport in = files.copyIn(tree.resolve("in"), directory + "/deep/er");
                    CopyReport out = files.copyOut(directory + "/deep/er", tree.resolve("out"));

                    assertEquals(facts(tree.resolve("in")), facts(tree.resolve("out")));
                    assertEquals(new CopyReport(5, 200_010, List.of()), in);
                    assertEquals(in, out);
                    assertEquals("0751", files.stat(directory + "/deep/er/run").permissions());
                }));
    }

    @Test
    void copy_file_goesIntoTheDirectory() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.writeString(tree.resolve("f"), "x");
                    Files.createDirectory(tree.resolve("out"));
                    files.writeText(directory + "/kept", "y");

                    files.copyIn(tree.resolve("f"), directory);
                    files.copyOut(directory + "/f", tree.resolve("out"));

                    assertEquals("x", Files.readString(tree.resolve("out/f")));
                    assertEquals("y", files.readText(directory + "/kept", 1));
                }));
    }

    @Test
    void copyIn_linksInTheWay_areReplacedAndNotFollowed() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Path links = Files.createDirectories(tree.resolve("links"));
                    Files.createDirectory(links.resolve("outside"));
                    Files.writeString(links.resolve("outside/f"), "old");
                    Files.createDirectories(links.resolve("to/d"));
                    Files.createSymbolicLink(links.resolve("to/d/inner"), Path.of("../../outside"));
                    Files.createSymbolicLink(links.resolve("to/f"), Path.of("../outside/f"));
                    files.copyIn(links, directory);
                    Path copied = Files.createDirectories(tree.resolve("copied/d/inner"));
                    Files.writeString(copied.resolve("f"), "new");
                    Files.writeString(tree.resolve("copied/f"), "new");

                    files.copyIn(tree.resolve("copied"), directory + "/to");

                    assertTrue(files.stat(directory + "/to/d/inner").isDirectory());
                    assertTrue(files.stat(directory + "/to/f").isFile());
                    assertEquals("new", files.readText(directory + "/to/d/inner/f", 100));
                    assertEquals(1, files.list(directory + "/outside").size());
                    assertEquals("old", files.readText(directory + "/outside/f", 100));
                }));
    }

    @Test
    void copyIn_linksThatLeadOut_areCopiedAsLinks() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Path outside = Files.writeString(tree.resolve("outside"), "of this machine");
                    Path in = Files.createDirectory(tree.resolve("in"));
                    Files.createSymbolicLink(in.resolve("absolute"), outside);
                    Files.createSymbolicLink(in.resolve("relative"), Path.of("../outside"));

                    CopyReport report = files.copyIn(in, directory);

                    assertEquals(new CopyReport(2, 0, List.of()), report);
                    assertEquals(
                            List.of(Optional.of(outside.toString()), Optional.of("../outside")),
                            files.list(directory).stream()
                                    .map(GuestFile::linkTarget)
                                    .toList());
                }));
    }

    @Test
    void copyIn_again_replacesWhatIsThereAndKeepsTheRest() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Path file = Files.writeString(tree.resolve("f"), "what was first, and longer");
                    files.copyIn(tree, directory);
                    files.writeText(directory + "/rest", "x");
                    Files.writeString(file, "what is now");
                    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r-x------"));

                    files.copyIn(tree, directory);

                    assertEquals("what is now", files.readText(directory + "/f", 100));
                    assertEquals("0500", files.stat(directory + "/f").permissions());
                    assertTrue(files.exists(directory + "/rest"));
                }));
    }

    @Test
    void copyOut_permissionToActAsTheOwner_staysInTheGuest() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    files.write(directory + "/f", bytes(1), "4755");
                    assertEquals("4755", files.stat(directory + "/f").permissions());

                    files.copyOut(directory, tree.resolve("out"));

                    assertEquals(0755, (int) Files.getAttribute(tree.resolve("out/f"), "unix:mode") & 07777);
                }));
    }

    @Test
    void copyOut_linksThatLeadOut_areLeftOutUnlessWanted() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.createSymbolicLink(
                            Files.createDirectory(tree.resolve("in")).resolve("l"), Path.of("../x"));
                    files.copyIn(tree.resolve("in"), directory);

                    CopyReport without = files.copyOut(directory, tree.resolve("without"));
                    CopyReport with = files.copyOut(
                            directory,
                            tree.resolve("with"),
                            CopyOptions.standard().withOutsideLinks(true));

                    assertEquals(1, without.leftOut().size());
                    assertEquals(Map.of(), facts(tree.resolve("without")));
                    assertEquals(new CopyReport(1, 0, List.of()), with);
                    assertEquals(Map.of("l", "-> ../x"), facts(tree.resolve("with")));
                }));
    }

    @Test
    void copyOut_whatOthersMayWrite_onlyItsOwnerMayUnlessWanted() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    files.makeDirectories(directory + "/t");
                    files.write(directory + "/t/f", bytes(1), "0666");

                    CopyReport narrow = files.copyOut(directory + "/t", tree.resolve("narrow"));
                    CopyReport wide = files.copyOut(
                            directory + "/t",
                            tree.resolve("wide"),
                            CopyOptions.standard().withWritableByOthers(true));

                    assertEquals(1, narrow.narrowed().size());
                    assertTrue(narrow.narrowed().get(0).endsWith("f"), narrow.toString());
                    assertEquals(List.of(), wide.narrowed());
                    assertTrue(fact(tree.resolve("narrow/f")).startsWith("rw-r--r-- "));
                    assertTrue(fact(tree.resolve("wide/f")).startsWith("rw-rw-rw- "));
                }));
    }

    @Test
    void copy_moreThanAllowed_isRefused() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.writeString(tree.resolve("a"), "12");
                    Files.writeString(tree.resolve("b"), "34");
                    Path out = tree.resolveSibling("out");
                    files.copyIn(tree, directory);
                    for (CopyOptions options : List.of(
                            CopyOptions.standard().withMaxBytes(3),
                            CopyOptions.standard().withMaxEntries(1))) {
                        assertEquals(
                                GuestFileException.Reason.TOO_BIG,
                                reason(() -> files.copyIn(tree, directory, options)));
                        assertEquals(
                                GuestFileException.Reason.TOO_BIG,
                                reason(() -> files.copyOut(directory, out, options)));
                        assertLeftNothing(out);
                    }
                }));
    }

    @Test
    void copyOut_directoryThatHoldsSomething_isRefused() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.writeString(tree.resolve("kept"), "x");
                    files.writeText(directory + "/f", "x");

                    assertEquals(GuestFileException.Reason.NOT_EMPTY, reason(() -> files.copyOut(directory, tree)));
                    assertEquals(Set.of("kept"), facts(tree).keySet());
                }));
    }

    @Test
    void copy_listener_hearsHowFarItIs() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.write(tree.resolve("f"), bytes(2_500_000));
                    Files.writeString(tree.resolve("g"), "x");
                    for (Function<CopyOptions, CopyReport> copy : List.<Function<CopyOptions, CopyReport>>of(
                            options -> files.copyIn(tree, directory, options),
                            options -> files.copyOut(directory, tree.resolveSibling("out"), options))) {
                        List<Long> bytes = new ArrayList<>();
                        List<Long> entries = new ArrayList<>();
                        Set<Thread> threads = new HashSet<>();

                        CopyReport report = copy.apply(listening((complete, copied) -> {
                            entries.add(complete);
                            bytes.add(copied);
                            threads.add(Thread.currentThread());
                        }));

                        assertTrue(bytes.size() >= 4, bytes::toString);
                        assertEquals(bytes.stream().sorted().toList(), bytes);
                        assertEquals(2_500_001, report.bytes());
                        assertEquals(report.bytes(), bytes.get(bytes.size() - 1));
                        assertEquals(2, entries.get(entries.size() - 1));
                        assertEquals(Set.of(Thread.currentThread()), threads);
                    }
                }));
    }

    @Test
    void copy_listenerThrows_endsWithThatAndLeavesNothing() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        IllegalStateException stop = new IllegalStateException("stop");
        CopyOptions stopping = listening((entries, bytes) -> {
            throw stop;
        });
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    Files.writeString(tree.resolve("f"), "x");
                    files.writeText(directory + "/g", "x");
                    Path out = tree.resolveSibling("out");

                    assertSame(
                            stop,
                            assertThrows(IllegalStateException.class, () -> files.copyIn(tree, directory, stopping)));
                    assertSame(
                            stop,
                            assertThrows(IllegalStateException.class, () -> files.copyOut(directory, out, stopping)));
                    assertLeftNothing(out);
                }));
    }

    @Test
    void copyOut_longerThanItsTimeout_isStoppedAndLeavesNothing() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    files.write(directory + "/f", bytes(6_000_000));
                    Path out = tree.resolve("out");
                    boolean[] first = {true};
                    CopyOptions brief = listening((entries, bytes) -> {
                                if (first[0]) {
                                    first[0] = false;
                                    elapse(Duration.ofMillis(1500));
                                }
                            })
                            .withTimeout(Duration.ofSeconds(1));

                    assertThrows(CommandTimeoutException.class, () -> files.copyOut(directory, out, brief));

                    assertLeftNothing(out);
                }));
    }

    @Test
    void copy_interrupted_stopsAndKeepsTheInterrupt() {
        requires(Ability.LAUNCH);
        VMFiles files = guest().files();
        withDirectory(
                files,
                directory -> withTree(tree -> {
                    files.writeText(directory + "/f", "x");
                    files.writeText(directory + "/g", "x");
                    Path out = tree.resolve("out");

                    Call<CopyReport> call = Call.begin(() -> files.copyOut(
                            directory,
                            out,
                            listening((entries, bytes) -> Thread.currentThread().interrupt())));
                    finish(call);

                    assertInstanceOf(AgentVMException.class, call.failure());
                    assertTrue(call.interruptKept());
                    assertLeftNothing(out);
                }));
    }

    @Test
    void copyOut_vmDestroyedMeanwhile_throwsThatAndLeavesNothing() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("copied"));
        vm.files().write("/tmp/f", bytes(6_000_000));
        withTree(tree -> {
            Path out = tree.resolve("out");

            assertThrows(
                    VMDestroyedException.class,
                    () -> vm.files().copyOut("/tmp/f", out, listening((entries, bytes) -> vm.destroy())));

            assertLeftNothing(out);
        });
    }

    @Test
    void isolation_networked_namesTheFilter() {
        requires(Ability.LAUNCH);

        assertTrue(guest().isolation().filter().isPresent());
    }

    @Test
    void setNetworkPolicy_another_isTheOneInForce() {
        requires(Ability.NETWORK);
        VM vm = guest();
        NetworkPolicy before = vm.networkPolicy().orElseThrow();
        assertEquals(guestTemplate().networkPolicy(), before);
        assertEquals(Optional.empty(), connect().find(vm.name()).orElseThrow().networkPolicy());

        vm.setNetworkPolicy(NetworkPolicy.none());

        assertEquals(Optional.of(NetworkPolicy.none()), vm.networkPolicy());
        vm.setNetworkPolicy(before);
    }

    @Test
    void connectionLog_attempts_haveTheVerdictsOfThePolicyInForceThen() {
        requires(Ability.NETWORK);
        VM vm = connect().launch(template("talkative"));
        assertEquals(Optional.empty(), vm.connectionLog().limitation());

        vm.exec(attempt(METADATA, 80));
        eventually("the first is written down", () -> tcp(vm).size() == 1);
        vm.exec(attempt(PUBLIC, 443));
        eventually("the second is written down", () -> tcp(vm).size() == 2);
        vm.setNetworkPolicy(NetworkPolicy.none());
        vm.exec(attempt(PUBLIC, 443));
        eventually("the third is written down", () -> tcp(vm).size() == 3);

        assertEquals(
                List.of(METADATA + ":80 DROPPED", PUBLIC + ":443 ALLOWED", PUBLIC + ":443 REFUSED"),
                tcp(vm).stream().map(HypervisorContract::line).toList());
        List<Instant> times = tcp(vm).stream().map(ConnectionAttempt::time).toList();
        assertEquals(times.stream().sorted().toList(), times);
    }

    @Test
    void connectionLog_ofAVMThatIsGone_isKept() {
        requires(Ability.NETWORK);
        VM vm = connect().launch(template("late"));
        vm.exec(attempt(METADATA, 80));
        eventually("it is written down", () -> tcp(vm).size() == 1);

        vm.close();

        assertEquals(1, tcp(vm).size());
    }

    private static List<ConnectionAttempt> tcp(VM vm) {
        return vm.connectionLog().attempts().stream()
                .filter(attempt -> attempt.flow().ipProtocol().equals(OptionalInt.of(Flow.TCP)))
                .toList();
    }

    private static String line(ConnectionAttempt attempt) {
        return attempt.flow().destination().orElseThrow() + ":"
                + attempt.flow().destinationPort().orElseThrow() + " "
                + attempt.verdict().orElseThrow().outcome();
    }

    @Test
    void events_launchAndClose_areToldInTheirOrder() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("told").withLabels(Map.of("task", "t-2")));
        vm.close();
        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());

        List<VMEvent> lifecycle = events.stream()
                .filter(event -> event instanceof LaunchStarted
                        || event instanceof VMLaunched
                        || event instanceof VMClosed
                        || event instanceof VMDied)
                .toList();
        assertEquals(
                List.of(LaunchStarted.class, VMLaunched.class, VMClosed.class),
                lifecycle.stream().map(HypervisorContract::kind).toList());
        VMLaunched launched = of(events, VMLaunched.class).get(0);
        assertEquals(List.of(LaunchStep.values()), List.copyOf(launched.steps().keySet()));
        assertEquals(vm.attachment(), launched.attachment());
        assertEquals(Optional.of(NetworkPolicy.agentDefault()), launched.policy());
        assertSame(lifecycle.get(2), events.get(events.size() - 1), "nothing is told after the end");
        for (VMEvent event : events) {
            assertEquals(vm.id(), event.vm().id());
            assertEquals("told", event.vm().name());
            assertEquals(Map.of("task", "t-2"), event.vm().labels());
            assertTrue(event.vm().owner().isPresent());
        }
    }

    @Test
    void events_launchThatFails_isToldWithItsReason() {
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);

        assertThrows(
                ImageNotFoundException.class,
                () -> hypervisor.launch(template("failed").withImage(GuestImage.named("no-such-image"))));

        eventually("its end is told", () -> !of(events, LaunchFailed.class).isEmpty());
        assertEquals(
                List.of(LaunchStarted.class, LaunchFailed.class),
                events.stream().map(HypervisorContract::kind).toList());
        assertTrue(of(events, LaunchFailed.class).get(0).reason().contains("no-such-image"));
    }

    @Test
    void events_guestPowersOff_diedAndWasNotClosed() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("off"));
        assertThrows(AgentVMException.class, () -> vm.exec(Command.of("poweroff", "-f")));
        eventually("its end is told", () -> !of(events, VMDied.class).isEmpty());
        vm.close();
        hypervisor.close();

        assertEquals(vm.endReason(), Optional.of(of(events, VMDied.class).get(0).reason()));
        assertEquals(List.of(), of(events, VMClosed.class));
    }

    @Test
    void events_connections_haveTheVerdictAndWhatDecided() {
        requires(Ability.NETWORK);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("connecting"));

        vm.exec(attempt(METADATA, 80));
        vm.exec(attempt(PUBLIC, 443));
        eventually("both are told", () -> tcp(events).size() >= 2);
        vm.close();
        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());

        assertEquals(2, tcp(events).size());
        ConnectionDenied denied =
                assertInstanceOf(ConnectionDenied.class, tcp(events).get(0));
        assertEquals(Optional.of(FloorClause.LINK_LOCAL), denied.verdict().clause());
        assertEquals(METADATA, denied.flow().destination().orElseThrow().toString());
        ConnectionAllowed allowed =
                assertInstanceOf(ConnectionAllowed.class, tcp(events).get(1));
        assertTrue(allowed.verdict().rule().isPresent());
        assertEquals(Flow.Direction.FROM_VM, allowed.flow().direction());
    }

    private static List<ConnectionAttempted> tcp(List<VMEvent> events) {
        return of(events, ConnectionAttempted.class).stream()
                .filter(event -> event.flow().ipProtocol().equals(OptionalInt.of(Flow.TCP)))
                .toList();
    }

    @Test
    void events_restoreAndReset_areTold() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("restored"), RESETTABLE);
        vm.snapshot("base");

        vm.restore("base");
        vm.reset();
        vm.close();

        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());
        assertEquals(
                List.of(VMRestored.class, VMRestored.class, VMClosed.class),
                events.stream()
                        .map(HypervisorContract::kind)
                        .filter(kind -> kind == VMRestored.class || kind == VMClosed.class || kind == VMDied.class)
                        .toList());
        assertEquals(
                List.of(Optional.of("base"), Optional.empty()),
                of(events, VMRestored.class).stream().map(VMRestored::snapshot).toList());
        for (VMRestored restored : of(events, VMRestored.class)) {
            assertEquals(
                    List.of(
                            LaunchStep.DISK_MADE,
                            LaunchStep.DOMAIN_CREATED,
                            LaunchStep.POLICY_VERIFIED,
                            LaunchStep.RESUMED,
                            LaunchStep.AGENT_READY),
                    List.copyOf(restored.steps().keySet()));
        }
    }

    @Test
    void events_pauseAndResume_areTold() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("paused"));

        vm.resume();
        vm.pause();
        vm.pause();
        vm.resume();
        vm.close();

        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());
        List<Class<?>> life = List.of(VMLaunched.class, VMPaused.class, VMResumed.class, VMClosed.class);
        assertEquals(
                life,
                events.stream()
                        .map(HypervisorContract::kind)
                        .filter(life::contains)
                        .toList());
    }

    @Test
    void events_policyChange_hasBothPolicies() {
        requires(Ability.NETWORK);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("changed"));

        vm.setNetworkPolicy(NetworkPolicy.none());

        eventually("it is told", () -> !of(events, PolicyChanged.class).isEmpty());
        PolicyChanged changed = of(events, PolicyChanged.class).get(0);
        assertEquals(Optional.of(NetworkPolicy.agentDefault()), changed.before());
        assertEquals(NetworkPolicy.none(), changed.after());
        assertEquals(NetworkPolicy.agentDefault().rules(), changed.removed());
    }

    @Test
    void events_commands_haveTheirOutcomeAndNoSecret() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        VM vm = hypervisor.launch(template("commanded"));
        Command echo = new Command.Builder()
                .addArgv("echo", "hello")
                .putEnvironment("TOKEN", "s3cret")
                .stdin("s3cret".getBytes(StandardCharsets.UTF_8))
                .build();

        vm.exec(echo);
        assertThrows(CommandStartException.class, () -> vm.exec(Command.of("no-such-program")));
        vm.start(Command.of("pidof", "no-such-program")).waitFor();
        assertThrows(
                CommandTimeoutException.class,
                () -> vm.exec(new Command.Builder()
                        .addArgv("sleep", "60")
                        .timeout(Duration.ofSeconds(1))
                        .build()));
        eventually("all are told", () -> of(events, CommandEnded.class).size() == 4);

        List<CommandEnded> commands = of(events, CommandEnded.class);
        assertEquals(List.of("echo", "hello"), commands.get(0).argv());
        assertEquals(OptionalInt.of(0), commands.get(0).exitCode());
        assertTrue(commands.get(1).failure().orElseThrow().contains("no-such-program"));
        assertEquals(OptionalInt.of(1), commands.get(2).exitCode());
        assertEquals(
                List.of(false, false, false, true),
                commands.stream().map(CommandEnded::timedOut).toList());
        assertFalse(events.toString().contains("s3cret"));
    }

    @Test
    void events_ofAVMThatIsFound_areWhatThisProgramDoesToIt() {
        requires(Ability.NETWORK);
        Hypervisor launching = connect();
        List<VMEvent> told = listen(launching);
        launching.launch(template("theirs"));
        Hypervisor finding = connect();
        List<VMEvent> events = listen(finding);
        VM found = finding.find("theirs").orElseThrow();

        found.exec(Command.of("true"));
        found.setNetworkPolicy(NetworkPolicy.none());
        found.destroy();

        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());
        eventually("its own program is told", () -> !of(told, VMDied.class).isEmpty());
        assertEquals(
                List.of(CommandEnded.class, PolicyChanged.class, VMClosed.class),
                events.stream().map(HypervisorContract::kind).toList());
        assertEquals(Optional.empty(), of(events, PolicyChanged.class).get(0).before());
        assertEquals(
                told.get(0).vm().withTemplate(events.get(0).vm().template()),
                events.get(0).vm());
    }

    @Test
    void events_ofAHypervisorThatIsClosed_endWithItsVMs() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<VMEvent> events = listen(hypervisor);
        hypervisor.launch(template("left"));

        hypervisor.close();

        eventually("its end is told", () -> !of(events, VMClosed.class).isEmpty());
        assertThrows(
                HypervisorUnavailableException.class, () -> hypervisor.events().listen(event -> {}));
    }

    @Test
    void events_waitLongerThanClocksTell_isOverWhenAllIsDelivered() {
        Registration registration = connect().events().listen(event -> {});

        assertTrue(registration.awaitDelivery(FOREVER));
        assertTrue(registration.close(FOREVER));
    }

    @Test
    void metrics_lifeOfAVM_isMeasured() {
        requires(Ability.LAUNCH);
        RecordedMetrics metrics = new RecordedMetrics();
        Hypervisor hypervisor = connect(metrics);
        Series running = Metric.VMS.with("running");

        VM vm = hypervisor.launch(template("measured"));
        eventually("it is counted", () -> metrics.value(running) == 1);
        vm.exec(Command.of("true"));
        vm.exec(Command.of("pidof", "no-such-program"));
        vm.close();

        assertEquals(0, metrics.value(running));
        eventually("its end is measured", () -> metrics.counted(Metric.VM_ENDS.with("closed")) == 1);
        assertEquals(1, metrics.timed(Metric.LAUNCH_DURATION.with("launched")).size());
        for (LaunchStep step : LaunchStep.values()) {
            String tag = step.name().toLowerCase(Locale.ROOT);
            assertEquals(1, metrics.timed(Metric.LAUNCH_STEP_DURATION.with(tag)).size());
        }
        assertEquals(1, metrics.timed(Metric.COMMAND_DURATION.with("success")).size());
        assertEquals(1, metrics.timed(Metric.COMMAND_DURATION.with("failure")).size());
    }

    private static List<VMEvent> listen(Hypervisor hypervisor) {
        List<VMEvent> events = new CopyOnWriteArrayList<>();
        hypervisor.events().listen(events::add);
        return events;
    }

    private static <E extends VMEvent> List<E> of(List<VMEvent> events, Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    /** The class that says what an event is, not that which implements it. */
    private static Class<?> kind(VMEvent event) {
        return event.getClass().getSuperclass();
    }

    @Test
    void serialLog_launched_hasWhatTheGuestWrote() {
        requires(Ability.LAUNCH);

        String log = guest().serialLog();

        assertFalse(log.isBlank());
        assertTrue(log.length() <= 64 * 1024);
    }

    @Test
    void restore_snapshot_bringsBackWhatTheGuestWasThen() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.files().writeText("/tmp/kept", "before");
            VMProcess running = vm.start(Command.of("sleep", "313"));
            Snapshot snapshot = vm.snapshot("base");
            assertEquals("base", snapshot.name());
            assertEquals(VMState.RUNNING, vm.state());
            assertTrue(running.isAlive());
            running.kill();
            vm.files().writeText("/tmp/kept", "after");
            vm.files().writeText("/tmp/new", "after");

            vm.restore("base");

            assertEquals(VMState.RUNNING, vm.state());
            assertEquals("before", vm.files().readText("/tmp/kept", 100));
            assertFalse(vm.files().exists("/tmp/new"));
            assertTrue(isRunning(vm, "sleep"));
            assertEquals(List.of(snapshot), vm.snapshots());
            vm.files().writeText("/tmp/new", "again");
            vm.restore("base");
            assertFalse(vm.files().exists("/tmp/new"));
        });
    }

    @Test
    void restore_anySnapshot_keepsTheVMsIdentityAndPlace() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            Object id = vm.id();
            Object attachment = vm.attachment();
            vm.snapshot("base");

            vm.restore("base");

            VM found = connect().find(vm.name()).orElseThrow();
            assertEquals(id, vm.id());
            assertEquals(id, found.id());
            assertEquals(attachment, vm.attachment());
            assertEquals(attachment, found.attachment());
            assertEquals(vm.labels(), found.labels());
        });
    }

    @Test
    void restore_severalSnapshots_goesToEachInAnyOrder() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            for (String name : List.of("first", "second", "third")) {
                vm.files().writeText("/tmp/which", name);
                vm.snapshot(name);
            }
            vm.files().writeText("/tmp/which", "none");

            for (String name : List.of("second", "third", "first", "third")) {
                vm.restore(name);
                assertEquals(name, vm.files().readText("/tmp/which", 100));
            }
        });
    }

    @Test
    void deleteSnapshot_one_leavesTheOthersAndTheVM() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.files().writeText("/tmp/which", "first");
            vm.snapshot("first");
            vm.files().writeText("/tmp/which", "second");
            Snapshot second = vm.snapshot("second");
            vm.files().writeText("/tmp/which", "now");

            vm.deleteSnapshot("first");

            assertEquals(List.of(second), vm.snapshots());
            assertEquals("now", vm.files().readText("/tmp/which", 100));
            assertThrows(SnapshotNotFoundException.class, () -> vm.restore("first"));
            vm.restore("second");
            assertEquals("second", vm.files().readText("/tmp/which", 100));
        });
    }

    @Test
    void snapshot_badTakenOrUnknownName_isRefused() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.files().writeText("/tmp/kept", "before");
            vm.snapshot("taken");
            vm.files().writeText("/tmp/kept", "after");

            for (String bad : List.of("", "../up", "a b", "a\n", "x".repeat(62))) {
                assertThrows(InvalidValueException.class, () -> vm.snapshot(bad), () -> "'" + bad + "'");
            }
            assertContains(assertThrows(SnapshotAlreadyExistsException.class, () -> vm.snapshot("taken")), "'taken'");
            assertContains(assertThrows(SnapshotNotFoundException.class, () -> vm.restore("other")), "taken");
            assertContains(assertThrows(SnapshotNotFoundException.class, () -> vm.deleteSnapshot("other")), "taken");

            assertEquals("after", vm.files().readText("/tmp/kept", 100));
            vm.restore("taken");
            assertEquals("before", vm.files().readText("/tmp/kept", 100));
        });
    }

    @Test
    void snapshot_vmThatIsNotResettable_isRefusedInWords() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("plain"));

        assertContains(assertThrows(AgentVMException.class, () -> vm.snapshot("base")), "resettable");

        assertEquals(List.of(), vm.snapshots());
        assertTrue(vm.exec(Command.of("true")).success());
        vm.close();
        assertEquals(before, left());
    }

    @Test
    void snapshot_ofAVMOfAnotherProgram_isRefused() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.snapshot("own");
            VM found = connect().find(vm.name()).orElseThrow();

            List<Runnable> calls = List.of(
                    () -> found.snapshot("other"),
                    () -> found.restore("own"),
                    found::snapshots,
                    () -> found.deleteSnapshot("own"),
                    found::reset);

            for (Runnable call : calls) {
                assertContains(assertThrows(AgentVMException.class, call::run), "another program");
            }
            assertEquals(VMState.RUNNING, vm.state());
            assertEquals(1, vm.snapshots().size());
        });
    }

    @Test
    void restore_commandsUnderWay_areToldAtOnce() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.snapshot("base");
            withTimeHeld(() -> {
                Call<ExecResult> call = Call.begin(() -> vm.exec(Command.of("sleep", "314")));
                eventually("it runs", () -> call.isOver() || isRunning(vm, "sleep"));
                VMProcess process = vm.start(Command.of("sleep", "315"));
                Call<ExitStatus> waiter = Call.begin(process::waitFor);
                eventually("it is waited for", () -> waiter.isOver() || waiter.waits());

                Call<Boolean> restore = Call.begin(() -> {
                    vm.restore("base");
                    return true;
                });
                finish(call);
                finish(waiter);

                assertInstanceOf(VMRestoredException.class, call.failure());
                assertInstanceOf(
                        VMRestoredException.class, waiter.value().failure().orElseThrow());
                process.close();
                finishInTime(restore);
                assertTrue(restore.value());
            });
            assertFalse(isRunning(vm, "sleep"));
        });
    }

    @Test
    void restore_policyChangedSince_isTheOneInForce() {
        requires(Ability.NETWORK);
        withSnapshots(vm -> {
            vm.snapshot("base");
            vm.setNetworkPolicy(NetworkPolicy.none());

            vm.restore("base");

            assertEquals(Optional.of(NetworkPolicy.none()), vm.networkPolicy());
            vm.exec(attempt(PUBLIC, 443));
            eventually("it is written down", () -> tcp(vm).size() == 1);
            assertEquals(
                    List.of(PUBLIC + ":443 REFUSED"),
                    tcp(vm).stream().map(HypervisorContract::line).toList());
        });
    }

    @Test
    void restore_logs_beginAnew() {
        requires(Ability.NETWORK);
        withSnapshots(vm -> {
            vm.snapshot("base");
            vm.exec(attempt(METADATA, 80));
            eventually("it is written down", () -> tcp(vm).size() == 1);
            assertFalse(vm.serialLog().isBlank());

            vm.restore("base");

            assertEquals(List.of(), tcp(vm));
            assertTrue(vm.serialLog().isBlank(), vm::serialLog);
        });
    }

    @Test
    void reset_resettableOrNot_isTheStateAfterTheLaunch() {
        requires(Ability.LAUNCH);
        for (boolean resettable : List.of(true, false)) {
            List<String> before = left();
            VM vm = connect()
                    .launch(
                            template("reset"),
                            new LaunchOptions.Builder().resettable(resettable).build());
            Object id = vm.id();
            Object attachment = vm.attachment();
            for (int tenant = 1; tenant <= 2; tenant++) {
                assertFalse(vm.files().exists("/tmp/tenant"), "files of before");
                assertFalse(isRunning(vm, "sleep"), "processes of before");
                vm.files().writeText("/tmp/tenant", "a");
                vm.start(Command.of("sleep", "316"));
                if (resettable) {
                    vm.snapshot("of-this-tenant");
                }

                vm.reset();

                assertEquals(VMState.RUNNING, vm.state());
                assertEquals(List.of(), vm.snapshots());
                assertEquals(id, vm.id());
                assertEquals(attachment, vm.attachment());
            }
            assertFalse(vm.files().exists("/tmp/tenant"), "files of before");
            assertFalse(isRunning(vm, "sleep"), "processes of before");
            vm.close();
            assertEquals(before, left());
        }
    }

    @Test
    void pause_running_standsStillUntilItIsResumed() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        VM vm = hypervisor.launch(template("paused"));
        VM found = hypervisor.find("paused").orElseThrow();

        found.pause();

        assertEquals(VMState.PAUSED, vm.state());
        assertEquals(VMState.PAUSED, connect().find("paused").orElseThrow().state());
        GuestAgentException failure = assertThrows(GuestAgentException.class, () -> vm.exec(Command.of("true")));
        assertTrue(failure.retryable());
        assertThrows(GuestAgentException.class, () -> found.files().exists("/tmp"));
        vm.pause();
        assertEquals(VMState.PAUSED, vm.state());
        vm.resume();
        assertEquals(VMState.RUNNING, found.state());
        assertTrue(found.exec(Command.of("true")).success());
        found.resume();
        assertEquals(VMState.RUNNING, vm.state());
        assertTrue(vm.exec(Command.of("true")).success());
    }

    @Test
    void pause_commandsUnderWay_standStillWithTheGuest() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("paused"));
        withTimeHeld(() -> {
            Call<ExecResult> call = Call.begin(() -> vm.exec(Command.of("sleep", "12")));
            eventually("it runs", () -> call.isOver() || isRunning(vm, "sleep"));
            VMProcess process = vm.start(Command.of("sleep", "12"));

            vm.pause();
            elapse(Duration.ofSeconds(12));

            assertFalse(call.isOver());
            assertTrue(process.isAlive());
            vm.resume();
            finishInTime(call);
            eventually("the process ends", () -> {
                elapse(Duration.ofMillis(100));
                return !process.isAlive();
            });
            assertTrue(call.value().success());
            assertTrue(call.value().duration().compareTo(Duration.ofSeconds(20)) > 0);
            assertTrue(process.waitFor().success());
        });
    }

    @Test
    void pause_commandsTimeout_runsOn() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("paused"));
        withTimeHeld(() -> {
            VMProcess process = vm.start(new Command.Builder()
                    .addArgv("sleep", "60")
                    .timeout(Duration.ofSeconds(8))
                    .build());
            vm.pause();
            elapse(Duration.ofSeconds(8));
            vm.resume();

            eventually("its time is over", () -> {
                elapse(Duration.ofMillis(100));
                return !process.isAlive();
            });

            assertInstanceOf(
                    CommandTimeoutException.class, process.waitFor().failure().orElseThrow());
        });
    }

    @Test
    void pause_whatIsNotTheGuests_canBeChanged() {
        requires(Ability.NETWORK);
        List<String> before = left();
        VM vm = connect().launch(template("paused"), RESETTABLE);
        vm.snapshot("base");
        vm.pause();

        vm.setNetworkPolicy(NetworkPolicy.none());
        vm.setBandwidth(BandwidthLimit.unlimited());

        assertEquals(Optional.of(NetworkPolicy.none()), vm.networkPolicy());
        for (Runnable call : List.<Runnable>of(() -> vm.snapshot("other"), () -> vm.restore("base"), vm::reset)) {
            assertContains(assertThrows(AgentVMException.class, call::run), "must run");
        }
        assertEquals(VMState.PAUSED, vm.state());
        vm.close();
        assertEquals(before, left());
    }

    @Test
    void pause_ofAVMOfAnotherProgram_isRefused() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("theirs"));
        VM found = connect().find("theirs").orElseThrow();

        assertContains(assertThrows(AgentVMException.class, found::pause), "another program");
        assertEquals(VMState.RUNNING, vm.state());
        vm.pause();
        assertContains(assertThrows(AgentVMException.class, found::resume), "another program");
        assertEquals(VMState.PAUSED, vm.state());
    }

    @Test
    void resume_duringALaunch_isRefused() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        List<AgentVMException> refusals = new ArrayList<>();

        VM vm = hypervisor.launch(template("young"), listener((step, time) -> {
            if (step == LaunchStep.DOMAIN_CREATED || step == LaunchStep.RESUMED) {
                VM found = hypervisor.find("young").orElseThrow();
                refusals.add(assertThrows(AgentVMException.class, found::resume));
                refusals.add(assertThrows(AgentVMException.class, found::pause));
            }
        }));

        assertEquals(4, refusals.size());
        refusals.forEach(refusal -> assertContains(refusal, "is being launched"));
        assertEquals(VMState.RUNNING, vm.state());
    }

    @Test
    void pauseAndResume_duringARestore_waitForIt() {
        requires(Ability.LAUNCH);
        withSnapshots(vm -> {
            vm.snapshot("base");
            assertEquals(VMState.RUNNING, stateAfter(vm::resume, vm));
            assertEquals(VMState.PAUSED, stateAfter(vm::pause, vm));
            vm.resume();
            assertTrue(vm.exec(Command.of("true")).success());
        });
    }

    /** What a VM is when a call has returned that came while it was being restored. */
    private VMState stateAfter(Runnable call, VM vm) {
        List<VMState> after = new ArrayList<>();
        withTimeHeld(() -> {
            Call<Boolean> restore = Call.begin(() -> {
                vm.restore("base");
                return true;
            });
            eventually("it is being restored", () -> vm.state() == VMState.RESTORING || restore.isOver());
            Call<VMState> meanwhile = Call.begin(() -> {
                call.run();
                return vm.state();
            });
            eventually("it waits", () -> meanwhile.waits() || meanwhile.isOver());
            finishInTime(restore);
            finishInTime(meanwhile);

            assertTrue(restore.value());
            after.add(meanwhile.value());
        });
        return after.get(0);
    }

    @Test
    void pause_timeToLiveOver_endsTheVM() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("brief").withTimeToLive(Duration.ofSeconds(8)));
        vm.pause();

        elapse(Duration.ofSeconds(9));

        eventually("it is gone", () -> vm.state() == VMState.DESTROYED);
        assertTrue(vm.endReason().orElseThrow().contains("time to live"));
        eventually("nothing is left", () -> left().equals(before));
    }

    @Test
    void restore_vmClosedMeanwhile_leavesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("closed"), RESETTABLE);
        vm.snapshot("base");
        withTimeHeld(() -> {
            Call<Boolean> restore = Call.begin(() -> {
                vm.restore("base");
                return true;
            });
            eventually("it is being restored", () -> vm.state() == VMState.RESTORING || restore.isOver());

            vm.close();
            finish(restore);

            assertInstanceOf(VMDestroyedException.class, restore.failure());
        });
        assertEquals(VMState.DESTROYED, vm.state());
        assertEquals(before, left());
    }

    @Test
    void close_withSnapshots_leavesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("closed"), RESETTABLE);
        vm.snapshot("one");
        vm.snapshot("two");
        vm.restore("one");

        vm.close();

        assertEquals(List.of(), vm.snapshots());
        assertEquals(before, left());
    }

    @Test
    void destroy_twice_doesNothing() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("twice"));
        vm.destroy();
        Optional<String> reason = vm.endReason();

        vm.destroy();

        assertEquals(reason, vm.endReason());
    }

    @Test
    void close_attached_destroysItAndLeavesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("closed"));

        vm.close();

        assertEquals(VMState.DESTROYED, vm.state());
        assertEquals(before, left());
    }

    @Test
    void close_twiceAndAtOnce_doesNothing() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("closed-at-once"));

        List<Call<Boolean>> closers = IntStream.range(0, 4)
                .mapToObj(i -> Call.begin(() -> {
                    vm.close();
                    return left().equals(before);
                }))
                .toList();
        closers.forEach(this::finish);
        closers.forEach(closer -> assertTrue(closer.value(), "all is gone when any close returns"));

        vm.close();
    }

    @Test
    void close_interruptedCaller_isDoneToItsEnd() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("closed"));

        Call<Boolean> closer = Call.begin(() -> {
            Thread.currentThread().interrupt();
            vm.close();
            return Thread.currentThread().isInterrupted();
        });
        finish(closer);

        assertTrue(closer.value(), "the interrupt is kept");
        assertEquals(before, left());
    }

    @Test
    void close_detached_leavesItToBeFoundAgain() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("detached"), DETACHED);

        vm.close();
        vm.close();

        VM found = connect().find("detached").orElseThrow();
        assertEquals(vm.id(), found.id());
        assertTrue(found.exec(Command.of("true")).success());
        found.destroy();
    }

    @Test
    void close_detached_endsWhatWasStartedThroughThisHandleAlone() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("detached"), DETACHED);
        VM found = connect().find("detached").orElseThrow();
        VMProcess own = vm.start(Command.of("sleep", "311"));
        VMProcess other = found.start(Command.of("sleep", "312"));

        vm.close();

        AgentVMException reason = own.waitFor().failure().orElseThrow();
        assertContains(reason, "the handle on detached that started it was closed");
        assertTrue(other.isAlive());
        other.kill();
        assertFalse(isRunning(found, "sleep"));
        found.destroy();
    }

    @Test
    void timeToLive_over_endsTheVM() {
        requires(Ability.LAUNCH);
        List<String> before = left();
        VM vm = connect().launch(template("mortal").withTimeToLive(Duration.ofSeconds(2)));

        elapse(Duration.ofSeconds(2));

        assertTrue(vm.awaitEnd(LONG));
        assertTrue(vm.endReason().orElseThrow().contains("time to live"), () -> "why: " + vm.endReason());
        eventually("nothing is left", () -> left().equals(before));
    }

    @Test
    void timeToLive_over_isWhyForEveryHandle() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("mortal").withTimeToLive(Duration.ofSeconds(5)));
        VM found = connect().find("mortal").orElseThrow();

        elapse(Duration.ofSeconds(5));

        assertTrue(vm.awaitEnd(LONG) && found.awaitEnd(LONG));
        AgentVMException gone = assertThrows(VMDestroyedException.class, () -> found.exec(Command.of("true")));
        assertContains(gone, "time to live");
    }

    @Test
    void idleTimeout_vmUsedByAnotherProgram_isNotOver() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("shared").withIdleTimeout(Duration.ofSeconds(3)));
        VM found = connect().find("shared").orElseThrow();

        assertTrue(found.exec(Command.of("sleep", "7")).success());
        assertEquals(VMState.RUNNING, vm.state());
        elapse(Duration.ofSeconds(6));

        assertTrue(vm.awaitEnd(LONG) && found.awaitEnd(LONG));
        assertTrue(vm.endReason().orElseThrow().contains("idle"), () -> "why: " + vm.endReason());
        assertTrue(found.endReason().orElseThrow().contains("idle"), () -> "why: " + found.endReason());
    }

    @Test
    void idleTimeout_over_endsTheVMUnlessACommandRuns() {
        requires(Ability.LAUNCH);
        VM vm = connect().launch(template("idle").withIdleTimeout(Duration.ofSeconds(3)));

        assertTrue(vm.exec(Command.of("sleep", "4")).success());
        assertTrue(vm.start(Command.of("sleep", "4")).waitFor().success());
        assertEquals(VMState.RUNNING, vm.state());
        elapse(Duration.ofSeconds(3));

        assertTrue(vm.awaitEnd(LONG));
        assertTrue(vm.endReason().orElseThrow().contains("idle"), () -> "why: " + vm.endReason());
    }

    @Test
    void addImage_files_areThereForEveryProgramWithTheirSums() {
        withFile("a kernel", kernel -> {
            KernelImage image = kernel(kernel);
            StoredImage added = connect().images().add(NEW_IMAGE, image, Map.of(kernel, SUM.toUpperCase(Locale.ROOT)));

            assertEquals(NEW_IMAGE, added.name());
            KernelImage stored = assertInstanceOf(KernelImage.class, added.image());
            assertNotEquals(kernel, stored.kernel());
            assertEquals(image.withKernel(stored.kernel()), stored);
            assertEquals(1, added.files().size());
            ImageFile file = added.files().get(0);
            assertEquals(stored.kernel(), file.path());
            assertEquals(8, file.bytes());
            assertEquals(Optional.of(SUM), file.sha256());
            assertEquals(Optional.of(added), stored(NEW_IMAGE));
        });
    }

    @Test
    void addImage_otherSumThanSaid_isRefusedAndLeavesNothing() {
        withFile("a kernel", kernel -> {
            Images images = connect().images();
            List<StoredImage> before = images.list();

            InvalidValueException failure = assertThrows(
                    InvalidValueException.class,
                    () -> images.add(NEW_IMAGE, kernel(kernel), Map.of(kernel, "0".repeat(64))));

            assertContains(failure, SUM);
            assertEquals(before, connect().images().list());
        });
    }

    @Test
    void addImage_sumOfAnotherFile_isRefused() {
        withFile("a kernel", kernel -> {
            Images images = connect().images();
            Path other = kernel.resolveSibling("other");

            assertThrows(InvalidValueException.class, () -> images.add(NEW_IMAGE, kernel(kernel), Map.of(other, SUM)));

            assertEquals(Optional.empty(), stored(NEW_IMAGE));
        });
    }

    @Test
    void addImage_fileMissing_isRefusedAndLeavesNothing() {
        withFile("a kernel", kernel -> {
            Images images = connect().images();
            KernelImage image = kernel(kernel).withInitrd(kernel.resolveSibling("missing"));

            ImageNotFoundException failure =
                    assertThrows(ImageNotFoundException.class, () -> images.add(NEW_IMAGE, image));

            assertContains(failure, "missing");
            assertEquals(Optional.empty(), stored(NEW_IMAGE));
        });
    }

    @Test
    void addImage_nameTaken_isRefusedAndKeepsTheOther() {
        withFile("a kernel", kernel -> {
            Images images = connect().images();
            StoredImage first = images.add(NEW_IMAGE, kernel(kernel));

            assertThrows(
                    ImageAlreadyExistsException.class,
                    () -> images.add(NEW_IMAGE, kernel(kernel).withCommandLine("other")));

            assertEquals(Optional.of(first), stored(NEW_IMAGE));
        });
    }

    @Test
    void addImage_ofAName_isRefused() {
        Images images = connect().images();

        assertThrows(InvalidValueException.class, () -> images.add(NEW_IMAGE, GuestImage.named("default")));
    }

    @Test
    void removeImage_unused_isGoneForEveryProgram() {
        withFile("a kernel", kernel -> {
            Hypervisor hypervisor = connect();
            hypervisor.images().add(NEW_IMAGE, kernel(kernel));

            assertTrue(hypervisor.images().remove(NEW_IMAGE));

            assertEquals(Optional.empty(), stored(NEW_IMAGE));
            assertFalse(hypervisor.images().remove(NEW_IMAGE));
            VMTemplate template = template("vm").withImage(GuestImage.named(NEW_IMAGE));
            assertThrows(ImageNotFoundException.class, () -> hypervisor.launch(template));
        });
    }

    @Test
    void removeImage_usedByAVM_isRefusedUntilItEnds() {
        requires(Ability.LAUNCH);
        Hypervisor hypervisor = connect();
        Images images = hypervisor.images();
        NamedImage original = assertInstanceOf(NamedImage.class, template("vm").image());
        try {
            images.add(NEW_IMAGE, stored(original.name()).orElseThrow().image());
            VM vm = hypervisor.launch(template("vm").withImage(GuestImage.named(NEW_IMAGE)));

            ImageInUseException failure = assertThrows(
                    ImageInUseException.class, () -> connect().images().remove(NEW_IMAGE));

            assertContains(failure, "'vm'");
            assertTrue(vm.exec(Command.of("true")).success());
            assertTrue(stored(NEW_IMAGE).isPresent());
            vm.close();
            assertTrue(images.remove(NEW_IMAGE));
        } finally {
            forget(NEW_IMAGE);
        }
    }

    private static KernelImage kernel(Path file) {
        return new KernelImage.Builder()
                .kernel(file)
                .commandLine("quiet  a=\"b c\\d\"")
                .build();
    }

    private Optional<StoredImage> stored(String name) {
        return connect().images().list().stream()
                .filter(image -> image.name().equals(name))
                .findFirst();
    }

    /** Hands a file to a test, and removes it afterwards with the image that the test may have added. */
    private void withFile(String content, Consumer<Path> test) {
        try {
            Path directory = Files.createTempDirectory("contract");
            Path file = Files.writeString(directory.resolve("file"), content);
            try {
                test.accept(file);
            } finally {
                forget(NEW_IMAGE);
                Files.delete(file);
                Files.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void forget(String image) {
        connect().list().stream().filter(vm -> vm.name().equals("vm")).forEach(VM::destroy);
        connect().images().remove(image);
    }

    private static GuestFileException.Reason reason(Runnable call) {
        return assertThrows(GuestFileException.class, call::run).reason();
    }

    private static CopyOptions listening(CopyListener listener) {
        return CopyOptions.standard().toBuilder().listener(listener).build();
    }

    /** Hands a new directory of a guest to a test, and removes it afterwards. */
    private static void withDirectory(VMFiles files, Consumer<String> test) {
        String directory = "/tmp/contract-" + System.nanoTime();
        files.makeDirectories(directory);
        try {
            test.accept(directory);
        } finally {
            files.deleteRecursively(directory);
        }
    }

    private interface TreeTest {
        void run(Path directory) throws IOException;
    }

    /** Hands a new directory of this machine, in one of its own, to a test, and removes it afterwards. */
    private static void withTree(TreeTest test) {
        try {
            Path top = Files.createTempDirectory("contract");
            try {
                test.run(Files.createDirectory(top.resolve("tree")));
            } finally {
                try (Stream<Path> all = Files.walk(top)) {
                    for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(path);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What is there, by its path: permissions, times and content of files, permissions of directories, targets of links. */
    private static Map<String, String> facts(Path top) throws IOException {
        Map<String, String> facts = new TreeMap<>();
        try (Stream<Path> all = Files.walk(top)) {
            for (Path path : all.filter(path -> !path.equals(top)).toList()) {
                facts.put(top.relativize(path).toString(), fact(path));
            }
        }
        return facts;
    }

    private static String fact(Path path) throws IOException {
        if (Files.isSymbolicLink(path)) {
            return "-> " + Files.readSymbolicLink(path);
        }
        String permissions = PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
        return Files.isDirectory(path)
                ? permissions
                : permissions + " "
                        + Files.getLastModifiedTime(path).toInstant().getEpochSecond() + " "
                        + Arrays.hashCode(Files.readAllBytes(path));
    }

    /** Neither what was to be copied, nor a part beside it. */
    private static void assertLeftNothing(Path copy) throws IOException {
        try (Stream<Path> beside = Files.list(copy.getParent())) {
            assertEquals(
                    List.of(),
                    beside.map(path -> path.getFileName().toString())
                            .filter(name -> name.contains(copy.getFileName().toString()))
                            .toList());
        }
    }

    private void requires(Ability ability) {
        if (inabilities().contains(ability)) {
            Assumptions.abort("declared to be unable: " + ability);
        }
    }

    private boolean isAbleTo(LaunchStep step) {
        boolean first = step == LaunchStep.HOST_CHECKED || step == LaunchStep.DISK_MADE;
        return OF_NETWORK.contains(step)
                ? !inabilities().contains(Ability.NETWORK)
                : first || !inabilities().contains(Ability.LAUNCH);
    }

    private static LaunchOptions listener(LaunchListener listener) {
        return new LaunchOptions.Builder().listener(listener).build();
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) ((i * 31) >> 3);
        }
        return bytes;
    }

    /** All of it. */
    private static String text(InputStream stream) throws IOException {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }

    /** What comes before the next line feed. */
    private static String line(InputStream stream) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int one = stream.read(); one != '\n' && one >= 0; one = stream.read()) {
            line.write(one);
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    /** Hands a VM of its own to a test, whose snapshots are gone with it. */
    private void withSnapshots(Consumer<VM> test) {
        List<String> before = left();
        VM vm = connect().launch(template("snapshots"), RESETTABLE);
        test.accept(vm);
        vm.close();
        assertEquals(before, left());
    }

    /** Where time is held, a call that takes some of it needs it to move. */
    private void finishInTime(Call<?> call) {
        eventually("the call is over", () -> {
            elapse(Duration.ofMillis(100));
            return call.isOver();
        });
    }

    private static boolean isRunning(VM vm, String program) {
        return running(vm, program) > 0;
    }

    /** How many of that program run. */
    private static int running(VM vm, String program) {
        ExecResult pids = vm.exec(Command.of("pidof", program));
        return pids.success() ? pids.stdoutText().strip().split(" ", -1).length : 0;
    }

    private List<String> left() {
        return leftovers().stream().sorted().toList();
    }

    private static void assertContains(AgentVMException failure, String words) {
        assertTrue(
                String.valueOf(failure.getMessage()).contains(words),
                () -> "'" + words + "' is not said by: " + failure.getMessage());
    }

    /** Waits until all have come here, but not for ever. */
    private void meet(CountDownLatch all) {
        all.countDown();
        meetLate(all);
    }

    private void meetLate(CountDownLatch all) {
        try {
            assertTrue(all.await(patience().toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            fail("interrupted", e);
        }
    }

    private void finish(Call<?> call) {
        eventually("the call is over", call::isOver);
    }

    private void eventually(String what, BooleanSupplier condition) {
        long begin = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - begin > patience().toNanos()) {
                fail("not so after " + patience().toMillis() + " ms: " + what);
            }
            pause();
        }
    }
}
