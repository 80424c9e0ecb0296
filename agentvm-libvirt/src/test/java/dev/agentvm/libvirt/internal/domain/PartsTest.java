package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.HostFacts;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.journal.HypervisorId;
import dev.agentvm.libvirt.internal.network.Stub;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
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

    /** Who cannot connect tries again, for hours maybe. */
    @Test
    void open_whicheverCallOfLibvirtFails_keepsNoLockAndNoSocket() throws IOException {
        AtomicInteger callsToCome = new AtomicInteger();
        AtomicInteger closed = new AtomicInteger();
        Libvirt libvirt = Stub.of(Libvirt.class)
                .on("host", arguments -> answering(callsToCome))
                .on("domains", Stub.of(Domains.class).get())
                .on("filters", Stub.of(NetworkFilters.class).get())
                .on("close", arguments -> closed.incrementAndGet())
                .get();
        Settings settings = TestDriverSettings.of(directory, event -> {});
        long sockets = sockets();

        int failures = 0;
        for (Optional<Parts> parts = Optional.empty(); parts.isEmpty(); failures++) {
            callsToCome.set(failures);
            parts = open(settings, libvirt);
            if (parts.isEmpty()) {
                assertThat(state().resolve("owners")).doesNotExist();
                assertThat(sockets()).isLessThanOrEqualTo(sockets);
                assertThat(closed).hasValue(failures + 1);
            } else {
                parts.get().close();
            }
        }
        assertThat(failures)
                .as("calls that failed once each, and the last that none did")
                .isGreaterThan(3);
    }

    private static Optional<Parts> open(Settings settings, Libvirt libvirt) {
        try {
            return Optional.of(Parts.open(settings, libvirt));
        } catch (HypervisorUnavailableException e) {
            return Optional.empty();
        }
    }

    private static HostFacts answering(AtomicInteger callsToCome) {
        return Stub.of(HostFacts.class)
                .on("uri", arguments -> answer(callsToCome, "qemu:///system"))
                .on("hostname", arguments -> answer(callsToCome, "alpha"))
                .on("capabilitiesXml", arguments -> answer(callsToCome, "<capabilities/>"))
                .get();
    }

    private static String answer(AtomicInteger callsToCome, String text) {
        if (callsToCome.getAndDecrement() == 0) {
            throw new HypervisorUnavailableException("libvirt is away", FailureContext.of("connect"));
        }
        return text;
    }

    private static long sockets() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.filter(PartsTest::isSocket).count();
        }
    }

    private static boolean isSocket(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
        } catch (IOException e) {
            // Gone meanwhile, such as a jar file.
            return false;
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
