package dev.agentvm.examples.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.testkit.junit.AgentVMTest;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** What the fake is for: a harness is tested in no time, once the JVM has loaded its classes. */
class SpeedTest {
    @Test
    void harness_onTheFake_isTestedInLessThanASecond() {
        run();

        long begin = System.nanoTime();
        SummaryGeneratingListener tests = run();

        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
        assertThat(tests.getSummary().getTestsSucceededCount()).isEqualTo(3);
    }

    private static SummaryGeneratingListener run() {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectClass(BuildHarnessTest.class))
                .configurationParameter(AgentVMTest.BACKEND, "fake")
                .build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, listener);
        return listener;
    }
}
