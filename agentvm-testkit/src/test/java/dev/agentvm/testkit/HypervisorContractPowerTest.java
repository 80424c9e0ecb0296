package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.agentvm.Hypervisor;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.testkit.WrongFakes.World;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;

/** The contract notices what it is there to notice: each wrong fake fails those tests that its fault concerns, alone. */
class HypervisorContractPowerTest {
    @ParameterizedTest(name = "{0}")
    @MethodSource("dev.agentvm.testkit.WrongFakes#all")
    void contract_wrongFake_failsExactlyTheTestsOfTheBrokenPromise(WrongFake wrong) {
        Contract.wrong = wrong;

        assertThat(failedTests(Contract.class)).isEqualTo(wrong.noticedBy());
    }

    @Test
    void contract_abilityDeniedForNothing_isNoticed() {
        assertThat(failedTests(ModestContract.class))
                .containsExactly("inabilities_declared_areRefusedInWordsAndLeaveNothing");
    }

    @Test
    void contract_eachTest_noticesSomeWrongFake() {
        Set<String> tests = Arrays.stream(HypervisorContract.class.getDeclaredMethods())
                .filter(method -> method.isAnnotationPresent(Test.class))
                .map(Method::getName)
                .collect(Collectors.toSet());
        Set<String> noticing = Stream.concat(
                        WrongFakes.all().stream().flatMap(wrong -> wrong.noticedBy().stream()),
                        Stream.of("inabilities_declared_areRefusedInWordsAndLeaveNothing"))
                .collect(Collectors.toSet());

        assertThat(noticing).isEqualTo(tests);
    }

    private static Set<String> failedTests(Class<?> contract) {
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(contract))
                .execute()
                .testEvents()
                .failed()
                .stream()
                .map(HypervisorContractPowerTest::testName)
                .collect(Collectors.toSet());
    }

    private static String testName(Event event) {
        return event.getTestDescriptor()
                .getSource()
                .map(source -> ((org.junit.platform.engine.support.descriptor.MethodSource) source).getMethodName())
                .orElseThrow();
    }

    /** The contract on a fake that is wrong. */
    static class Contract extends FakeHypervisorContractTest {
        /** How soon a VM's end must be heard of where the test is to fail. */
        static final Duration PROMPT = Duration.ofMillis(200);

        private static @Nullable WrongFake wrong;

        private final List<String> litter = new CopyOnWriteArrayList<>();
        /** Whether the test is to fail. */
        private boolean doomed;

        @BeforeEach
        void foresee(TestInfo test) {
            String name = test.getTestMethod().orElseThrow().getName();
            doomed = Objects.requireNonNull(wrong).noticedBy().contains(name);
        }

        @Override
        protected Hypervisor connect(MetricsSink metrics) {
            return Objects.requireNonNull(wrong)
                    .spoil()
                    .apply(new World(host(), litter, metrics), super.connect(metrics));
        }

        /** What does not happen is waited for in vain; what does happen may be late. */
        @Override
        protected Duration patience() {
            return doomed ? Duration.ofMillis(200) : Duration.ofSeconds(10);
        }

        @Override
        protected Duration promptness() {
            return doomed ? PROMPT : super.promptness();
        }

        @Override
        protected List<String> leftovers() {
            return Stream.concat(super.leftovers().stream(), litter.stream()).toList();
        }
    }

    /** The contract on a fake that can do more than it says. */
    static class ModestContract extends FakeHypervisorContractTest {
        @Override
        protected Set<Ability> inabilities() {
            return EnumSet.of(Ability.LAUNCH);
        }
    }
}
