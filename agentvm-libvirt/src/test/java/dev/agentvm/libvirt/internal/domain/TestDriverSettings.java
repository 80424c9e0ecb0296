package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What a hypervisor on libvirt's test driver is opened with, whose files are in a directory of the test's. */
final class TestDriverSettings {
    private TestDriverSettings() {}

    static Settings of(Path directory, VMEventListener listener) {
        return of(directory, true, listener);
    }

    static Settings of(Path directory, boolean launching, VMEventListener listener) {
        return new Settings(
                "test:///default",
                directory.resolve("state"),
                launching,
                directory.resolve("images"),
                // The driver's state is one for the whole process.
                "pool-" + directory.getFileName(),
                directory.resolve("pool"),
                NetworkSettings.standard(),
                Optional.of(Accelerator.TCG),
                false,
                Duration.ofHours(1),
                directory.resolve("flowlog.sock"),
                List.of(listener),
                MetricsSink.none(),
                Clock.systemUTC());
    }
}
