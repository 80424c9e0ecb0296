package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.connection.HostFacts;
import dev.agentvm.libvirt.internal.journal.HypervisorId;
import dev.agentvm.libvirt.internal.network.Stub;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On libvirt's test driver. */
class PartsTest {
    private static final String FIRST = "0a000000-0000-4000-8000-000000000001";
    private static final String SECOND = "0a000000-0000-4000-8000-000000000002";

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

    /** Where the hardware has no UUID, libvirt makes one up at each start. */
    @Test
    void identity_isThatOfTheHostAndOutlastsAChangeOfItsNameOrItsUuid() {
        HypervisorId here = identity("alpha", FIRST);

        assertThat(here.isSame(identity("beta", SECOND))).isFalse();
        assertThat(here.isSame(identity("alpha", SECOND))).isTrue();
        assertThat(here.isSame(identity("beta", FIRST))).isTrue();
    }

    private static HypervisorId identity(String name, String uuid) {
        return Parts.identity(Stub.of(HostFacts.class)
                .on("uri", "qemu:///system")
                .on("hostname", name)
                .on("capabilitiesXml", "<capabilities><host><uuid>" + uuid + "</uuid></host></capabilities>")
                .get());
    }
}
