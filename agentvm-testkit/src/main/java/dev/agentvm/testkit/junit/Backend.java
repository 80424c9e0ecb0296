package dev.agentvm.testkit.junit;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;

/** What stands behind the hypervisor of an {@link AgentVMTest}. */
public enum Backend {
    /** What the configuration parameter {@value AgentVMTest#BACKEND} says, {@link #FAKE} if it says nothing. */
    CONFIGURED,
    /** A {@link dev.agentvm.testkit.FakeHypervisor}, a new one for each test. */
    FAKE,
    /** What {@link dev.agentvm.spi.HypervisorProvider} finds; where it is unable, the tests are disabled with the reason. */
    REAL,
    /** As {@link #REAL}, but where it is unable, the tests fail with the reason: for builds that must not skip them. */
    REAL_OR_FAIL;

    static Backend of(String configured) {
        return Arrays.stream(values())
                .filter(backend -> backend != CONFIGURED && backend.text().equals(configured.strip()))
                .findFirst()
                .orElseThrow(() -> new ExtensionConfigurationException(AgentVMTest.BACKEND + " '" + configured
                        + "': must be one of "
                        + Arrays.stream(values())
                                .filter(backend -> backend != CONFIGURED)
                                .map(Backend::text)
                                .collect(Collectors.joining(", "))));
    }

    boolean isReal() {
        return this == REAL || this == REAL_OR_FAIL;
    }

    private String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
