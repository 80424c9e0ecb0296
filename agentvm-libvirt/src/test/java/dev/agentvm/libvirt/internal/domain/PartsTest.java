package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On libvirt's test driver. */
class PartsTest {
    @TempDir
    Path directory = Path.of("");

    private Path state() {
        return directory.resolve("state");
    }

    @Test
    void open_toLaunch_makesTheStateDirectoryReady() {
        try (Parts parts = Parts.open(TestDriverSettings.of(directory, true, event -> {}))) {
            assertThat(state().resolve("owners").resolve(parts.journals().ownerId() + ".lock"))
                    .exists();
        }
    }

    @Test
    void open_notToLaunch_makesNoStateDirectory() {
        try (Parts parts = Parts.open(TestDriverSettings.of(directory, false, event -> {}))) {
            parts.journals().visit((orphan, journal) -> true);
            assertThat(state()).doesNotExist();
        }
    }
}
