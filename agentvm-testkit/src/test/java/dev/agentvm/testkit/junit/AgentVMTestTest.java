package dev.agentvm.testkit.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.spi.HypervisorProvider;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import dev.agentvm.testkit.Fault;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.reporting.ReportEntry;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.EventType;

class AgentVMTestTest {
    /** What the tests below were given, to be looked at when they are over. */
    private static final Queue<Object> GIVEN = new ConcurrentLinkedQueue<>();

    @TempDir
    Path folder;

    @BeforeEach
    void forget() {
        GIVEN.clear();
        PretendProvider.inability = Optional.empty();
    }

    private static EngineTestKit.Builder kit(Class<?> tests) {
        return EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests));
    }

    /** Runs them where that provider is on the class path. */
    private EngineExecutionResults runReal(Class<?> tests, String backend) throws IOException {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(services.resolve(HypervisorProvider.class.getName()), PretendProvider.class.getName());
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(
                new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            thread.setContextClassLoader(loader);
            return kit(tests)
                    .configurationParameter(AgentVMTest.BACKEND, backend)
                    .execute();
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private static String failure(EngineExecutionResults results) {
        return results.allEvents().failed().stream()
                .map(event -> event.getRequiredPayload(TestExecutionResult.class)
                        .getThrowable()
                        .orElseThrow())
                .map(thrown -> thrown + (thrown.getCause() == null ? "" : " caused by " + thrown.getCause()))
                .reduce("", (one, other) -> one + "\n" + other);
    }

    private static Map<String, String> reported(EngineExecutionResults results) {
        Map<String, String> entries = new TreeMap<>();
        results.allEvents().stream()
                .filter(event -> event.getType() == EventType.REPORTING_ENTRY_PUBLISHED)
                .map(event -> event.getRequiredPayload(ReportEntry.class))
                .forEach(entry -> entries.putAll(entry.getKeyValuePairs()));
        return entries;
    }

    private static String disabled(EngineExecutionResults results) {
        return results.allEvents().skipped().stream()
                .map(event -> event.getRequiredPayload(String.class))
                .reduce("", String::concat);
    }

    private static <T> List<T> given(Class<T> type) {
        return GIVEN.stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Test
    void parameters_onTheFake_areRunningDuringTheTestAndGoneAfterIt() {
        kit(TwoVMs.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(1).failed(0));
        assertThat(given(FakeHypervisor.class))
                .hasSize(1)
                .allSatisfy(fake -> assertThat(fake.leftovers()).isEmpty());
        assertThat(given(VM.class))
                .hasSize(2)
                .allSatisfy(vm -> assertThat(vm.state()).isEqualTo(VMState.DESTROYED));
    }

    @AgentVMTest
    static class TwoVMs {
        @Test
        void test(Hypervisor hypervisor, VM one, VM other) {
            GIVEN.addAll(List.of(hypervisor, one, other));
            assertThat(List.of(one, other))
                    .allSatisfy(vm -> assertThat(vm.state()).isEqualTo(VMState.RUNNING));
            assertThat(one.name()).startsWith("vm-").isNotEqualTo(other.name());
            assertThat(hypervisor.find(one.name())).isPresent();
        }
    }

    @Test
    void hypervisor_ofATest_isItsOwnAndSharedWithItsBeforeEach() {
        kit(Scripted.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(2).failed(0));
        assertThat(given(Hypervisor.class)).hasSize(2).doesNotHaveDuplicates();
    }

    @AgentVMTest
    static class Scripted {
        @BeforeEach
        void script(Hypervisor hypervisor) {
            if (hypervisor instanceof FakeHypervisor fake) {
                fake.whenExec("git", "status").thenReturn("clean\n");
            }
        }

        @RepeatedTest(2)
        void test(Hypervisor hypervisor, VM vm) {
            GIVEN.add(hypervisor);
            assertThat(vm.exec(Command.of("git", "status")).stdoutText()).isEqualTo("clean\n");
        }
    }

    @Test
    void hypervisor_thatBeforeAllAsksFor_isSharedByTheClassAndClosedAfterIt() {
        kit(Shared.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(3).failed(0));
        assertThat(new HashSet<>(given(FakeHypervisor.class)))
                .hasSize(1)
                .allSatisfy(fake -> assertThat(fake.leftovers()).isEmpty());
    }

    @AgentVMTest
    static class Shared {
        private static VM shared;

        @BeforeAll
        static void launch(FakeVM vm) {
            shared = vm;
        }

        @RepeatedTest(2)
        void test(Hypervisor hypervisor) {
            GIVEN.add(hypervisor);
            assertThat(hypervisor.list()).hasSize(1);
            assertThat(shared.state()).isEqualTo(VMState.RUNNING);
        }

        @Nested
        class Inside {
            @Test
            void test(Hypervisor hypervisor) {
                GIVEN.add(hypervisor);
                assertThat(hypervisor.list()).hasSize(1);
            }
        }
    }

    @Test
    void hypervisor_thatAConstructorAsksFor_isTheTestsOwn() {
        kit(OneInstanceEach.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(2).failed(0));
        assertThat(given(FakeHypervisor.class)).hasSize(2).doesNotHaveDuplicates();
    }

    @AgentVMTest
    static class OneInstanceEach {
        private final Hypervisor own;

        OneInstanceEach(Hypervisor own) {
            this.own = own;
        }

        @RepeatedTest(2)
        void test(Hypervisor hypervisor) {
            GIVEN.add(hypervisor);
            assertThat(hypervisor).isSameAs(own);
        }
    }

    @Test
    void hypervisor_thatTheConstructorOfAllTestsAsksFor_isSharedByTheClass() {
        kit(OneInstanceForAll.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(2).failed(0));
        assertThat(new HashSet<>(given(FakeHypervisor.class))).hasSize(1);
    }

    @AgentVMTest
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    static class OneInstanceForAll {
        private final Hypervisor shared;

        OneInstanceForAll(Hypervisor shared) {
            this.shared = shared;
        }

        @RepeatedTest(2)
        void test(Hypervisor hypervisor) {
            GIVEN.add(hypervisor);
            assertThat(hypervisor).isSameAs(shared);
        }
    }

    @Test
    void vms_thatTheTestDetached_areGoneAfterItToo() throws IOException {
        kit(Detaching.class).execute().testEvents().assertStatistics(stats -> stats.failed(1));
        runReal(Detaching.class, "real").testEvents().assertStatistics(stats -> stats.failed(1));

        assertThat(given(FakeHypervisor.class))
                .hasSize(1)
                .allSatisfy(fake -> assertThat(fake.leftovers()).isEmpty());
        assertThat(PretendProvider.last.leftovers()).isEmpty();
    }

    @AgentVMTest
    static class Detaching {
        @Test
        void test(Hypervisor hypervisor) {
            GIVEN.add(hypervisor);
            hypervisor.launch(
                    new VMTemplate.Builder().name("detached").build(),
                    new LaunchOptions.Builder().detached(true).build());
            throw new IllegalStateException("on purpose");
        }
    }

    @Test
    void vms_ofAHypervisorThatTheTestClosed_areWhatItLeft() {
        kit(Closing.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(1).failed(0));
        assertThat(given(FakeHypervisor.class))
                .hasSize(1)
                .allSatisfy(fake -> assertThat(fake.leftovers()).contains("domain detached"));
    }

    @AgentVMTest
    static class Closing {
        @Test
        void test(FakeHypervisor hypervisor, VM attached) {
            GIVEN.add(hypervisor);
            hypervisor.launch(
                    new VMTemplate.Builder().name("detached").build(),
                    new LaunchOptions.Builder().detached(true).build());
            hypervisor.close();
            assertThat(attached.state()).isEqualTo(VMState.DESTROYED);
        }
    }

    @Test
    void vm_describedByMethodOrAnnotation_isLaunchedSo() {
        kit(Described.class)
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(4).failed(0));
    }

    @AgentVMTest(images = "tiny")
    static class Described {
        private final String label = "from the instance";

        @Template
        VMTemplate agent() {
            return new VMTemplate.Builder()
                    .name("agent")
                    .putLabel("made", label)
                    .build();
        }

        @Test
        void withoutAnnotation_itIsTheOnlyMethod(VM vm) {
            assertThat(vm.name()).startsWith("agent-");
            assertThat(vm.labels()).containsEntry("made", label);
        }

        @Test
        void withAnnotation_itIsAsThatSays(@Launch(name = "small", image = "tiny", vcpus = 1, isolated = true) VM vm) {
            assertThat(vm.name()).startsWith("small-");
            assertThat(vm.labels()).isEmpty();
            assertThat(vm.attachment()).isEmpty();
        }

        @Test
        void withAnnotationThatNamesTheMethod_itIsTheMethodsWithWhatIsSaid(
                @Launch(template = "agent", name = "other", memoryMiB = 512, diskGiB = 4) VM vm) {
            assertThat(vm.name()).startsWith("other-");
            assertThat(vm.labels()).containsEntry("made", label);
        }

        @Nested
        class Inside {
            @Test
            void itIsTheMethodOfTheClassAround(VM vm) {
                assertThat(vm.name()).startsWith("agent-");
            }
        }
    }

    @Test
    void vm_withAWrongDescription_failsInWords() {
        assertThat(failure(kit(Ambiguous.class).execute()))
                .contains("has several @Template methods (big, small)")
                .contains("has no @Template method 'absent'");
        assertThat(failure(kit(TooEarly.class).execute())).contains("must be static");
        assertThat(failure(kit(NoTemplate.class).execute())).contains("must return a VMTemplate and take nothing");
    }

    @AgentVMTest
    static class Ambiguous {
        @Template
        VMTemplate small() {
            return new VMTemplate.Builder().name("small").build();
        }

        @Template
        VMTemplate big() {
            return new VMTemplate.Builder().name("big").build();
        }

        @Test
        void unnamed(VM vm) {}

        @Test
        void absent(@Launch(template = "absent") VM vm) {}
    }

    @AgentVMTest
    static class TooEarly {
        @Template
        VMTemplate agent() {
            return new VMTemplate.Builder().name("agent").build();
        }

        @BeforeAll
        static void launch(VM vm) {}

        @Test
        void test() {}
    }

    @AgentVMTest
    static class NoTemplate {
        @Template
        String agent() {
            return "agent";
        }

        @Test
        void test(VM vm) {}
    }

    @Test
    void failure_inATest_reportsConsoleAndVerdictsOfVMsThatAreGoneToo() {
        Map<String, String> report = reported(kit(Failing.class).execute());
        assertThat(report).hasSize(4);
        assertThat(report.get("agentvm.closed.serial")).contains("Kernel panic\\u001b[2J");
        assertThat(report.get("agentvm.closed.network"))
                .contains("169.254.169.254")
                .contains("DROPPED by the floor (LINK_LOCAL)");
        assertThat(report.keySet()).anyMatch(key -> key.matches("agentvm\\.vm-[0-9a-f]{8}\\.network"));
        assertThat(report).containsValue("(nothing)");
    }

    @AgentVMTest
    static class Failing {
        @AfterEach
        void fail() {
            throw new IllegalStateException("the test fails, if late");
        }

        @Test
        void test(FakeHypervisor hypervisor, VM open) {
            try (FakeVM vm =
                    hypervisor.launch(new VMTemplate.Builder().name("closed").build())) {
                vm.print("Kernel panic\u001b[2J\n");
                vm.connect(Flow.tcp("169.254.169.254", 80));
            }
        }
    }

    @Test
    void successOrAbort_reportsNothing() {
        assertThat(reported(kit(TwoVMs.class).execute())).isEmpty();
        assertThat(reported(kit(Aborted.class).execute())).isEmpty();
    }

    @AgentVMTest
    static class Aborted {
        @Test
        void test(VM vm) {
            assumeTrue(vm.warnings().contains("no fake has this"));
        }
    }

    @Test
    void launch_thatFails_failsTheTestWithItsCauseAndLeavesNothing() {
        EngineExecutionResults results = kit(NeverAnswering.class).execute();
        results.testEvents().assertStatistics(stats -> stats.failed(1));
        assertThat(failure(results)).contains(OperationTimeoutException.class.getName());
        assertThat(given(FakeHypervisor.class))
                .hasSize(1)
                .allSatisfy(fake -> assertThat(fake.leftovers()).isEmpty());
    }

    @AgentVMTest
    static class NeverAnswering {
        @BeforeEach
        void breakTheHost(FakeHypervisor hypervisor) {
            GIVEN.add(hypervisor);
            hypervisor.failNext(Fault.AGENT_NEVER_ANSWERS);
        }

        @Test
        void test(VM vm) {}
    }

    @Test
    void real_withoutAProvider_isDisabledWithTheReason() {
        EngineExecutionResults results = kit(TwoVMs.class)
                .configurationParameter(AgentVMTest.BACKEND, "real")
                .execute();
        assertThat(disabled(results)).contains("no real VM can run here", "add agentvm-libvirt");
        assertThat(GIVEN).isEmpty();
    }

    @Test
    void real_onAHostThatIsUnable_isDisabledWithTheReasonOrFails() throws IOException {
        PretendProvider.inability = Optional.of("kvm: /dev/kvm is missing (load the module)");
        assertThat(disabled(runReal(TwoVMs.class, "real"))).contains("/dev/kvm is missing (load the module)");
        EngineExecutionResults mustRun = runReal(TwoVMs.class, "real-or-fail");
        assertThat(mustRun.allEvents().skipped().count()).isZero();
        assertThat(failure(mustRun)).contains("/dev/kvm is missing (load the module)");
    }

    @Test
    void real_onAHostThatIsAble_runsTheSameTestThere() throws IOException {
        EngineExecutionResults results = runReal(RealOnly.class, "real");
        results.testEvents()
                .assertStatistics(stats -> stats.succeeded(1).failed(1).skipped(1));
        assertThat(given(NetworkAttachment.class))
                .allSatisfy(attachment -> assertThat(attachment.subnet()).isEqualTo(PretendProvider.SUBNET));
        assertThat(disabled(results)).contains("asks for the fake hypervisor");
        assertThat(PretendProvider.last.leftovers()).isEmpty();
        assertThat(reported(results).entrySet())
                .filteredOn(entry -> entry.getKey().endsWith(".network"))
                .isNotEmpty()
                .allSatisfy(entry -> assertThat(entry.getValue()).contains("DROPPED by the floor (LINK_LOCAL)"));
    }

    @AgentVMTest
    static class RealOnly {
        @Test
        void passes(Hypervisor hypervisor, VM vm) {
            GIVEN.add(vm.attachment().orElseThrow());
            assertThat(hypervisor).isNotInstanceOf(FakeHypervisor.class);
            assertThat(hypervisor.find(vm.name())).isPresent();
            assertThat(hypervisor.list()).hasSize(1);
            assertThat(hypervisor.reap().removed()).isEmpty();
        }

        @Test
        void fails(VM vm) {
            ((FakeVM) vm).connect(Flow.tcp("169.254.169.254", 80));
            vm.close();
            throw new IllegalStateException("on purpose");
        }

        @Test
        void isDisabled(FakeHypervisor hypervisor) {}
    }

    @Test
    void backend_thatTheClassNames_prevailsOverTheParameter() {
        kit(FakeWhateverIsSaid.class)
                .configurationParameter(AgentVMTest.BACKEND, "real")
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(1).skipped(0));
    }

    @AgentVMTest(on = Backend.FAKE)
    static class FakeWhateverIsSaid {
        @Test
        void test(FakeHypervisor hypervisor) {
            GIVEN.add(hypervisor);
        }
    }

    @Test
    void backend_thatIsUnknown_failsInWords() {
        assertThat(failure(kit(TwoVMs.class)
                        .configurationParameter(AgentVMTest.BACKEND, "virtual")
                        .execute()))
                .contains("agentvm.testkit.hypervisor 'virtual': must be one of fake, real, real-or-fail");
    }

    @Test
    void tests_inParallel_doNotMeet() {
        kit(InParallel.class)
                .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
                .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "4")
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(40).failed(0));
        assertThat(given(FakeHypervisor.class))
                .hasSize(40)
                .doesNotHaveDuplicates()
                .allSatisfy(fake -> assertThat(fake.leftovers()).isEmpty());
    }

    @AgentVMTest
    static class InParallel {
        /** The first waits for the second, so that they really overlap. */
        private static final CountDownLatch TWO_AT_ONCE = new CountDownLatch(2);

        @RepeatedTest(40)
        void test(Hypervisor hypervisor, VM vm) throws Exception {
            GIVEN.add(hypervisor);
            TWO_AT_ONCE.countDown();
            assertThat(TWO_AT_ONCE.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(hypervisor.list()).extracting(VM::name).containsExactly(vm.name());
        }
    }

    @Test
    void tests_inParallelOnOneHypervisor_haveVMsOfDifferentNames() {
        kit(InParallelOnOne.class)
                .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
                .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "4")
                .execute()
                .testEvents()
                .assertStatistics(stats -> stats.succeeded(40).failed(0));
        assertThat(given(VM.class)).extracting(VM::name).hasSize(40).doesNotHaveDuplicates();
    }

    @AgentVMTest
    static class InParallelOnOne {
        @BeforeAll
        static void share(Hypervisor hypervisor) {
            assertThat(hypervisor.list()).isEmpty();
        }

        @RepeatedTest(40)
        void test(VM vm) {
            GIVEN.add(vm);
            assertThat(vm.exec(Command.of("echo", "here")).stdoutText()).isEqualTo("here\n");
        }
    }

    /** Stands for a real hypervisor. */
    public static final class PretendProvider implements HypervisorProvider {
        static final Cidr SUBNET = Cidr.of("192.168.77.0/24");
        static Optional<String> inability = Optional.empty();
        static FakeHypervisor last = FakeHypervisor.create();

        /** For the service loader. */
        public PretendProvider() {}

        @Override
        public String name() {
            return "pretend";
        }

        @Override
        public Optional<String> inability() {
            return inability;
        }

        @Override
        public Hypervisor connect() {
            last = new FakeHypervisor.Builder().subnet(SUBNET).build();
            return last;
        }
    }
}
