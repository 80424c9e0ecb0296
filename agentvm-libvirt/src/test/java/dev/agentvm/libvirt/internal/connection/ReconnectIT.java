package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionGivenUp;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionLost;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.ConnectionRegained;
import dev.agentvm.libvirt.lab.Daemon;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** libvirtd ends and comes back under the library's feet; the lab's own, of course. */
@Timeout(300)
class ReconnectIT {
    /** libvirtd exits without having destroyed what is to end with its clients in one of about twenty. */
    private static final int STOPS = 5;

    private final List<LibvirtEvent> events = new CopyOnWriteArrayList<>();
    private Libvirt libvirt;
    private Optional<Daemon.Start> stopped = Optional.empty();

    @BeforeEach
    void open() {
        assertThat(System.getenv("AGENTVM_LAB")).isEqualTo("1");
        libvirt = open(Duration.ofSeconds(60));
    }

    @AfterEach
    void close() throws IOException {
        start();
        libvirt.domains()
                .list(TestDriver.NAMESPACE)
                .forEach(line -> libvirt.domains().destroy(line.domain()));
        libvirt.close();
    }

    private Libvirt open(Duration reconnectTimeout) {
        Libvirt opened =
                Libvirt.open(new LibvirtOptions("qemu:///system", Duration.ofSeconds(60), reconnectTimeout, 16));
        opened.addListener(event -> {
            if (!(event instanceof LibvirtEvent.DomainLifecycle) && !(event instanceof LibvirtEvent.AgentLifecycle)) {
                events.add(event);
            }
        });
        return opened;
    }

    private void stop(String signal) throws IOException {
        stopped = Optional.of(Daemon.stop(signal));
    }

    private void start() throws IOException {
        if (stopped.isPresent()) {
            stopped.get().start();
            stopped = Optional.empty();
        }
    }

    private TinyGuest guest(Set<CreateFlag> flags) {
        TinyGuest guest = new TinyGuest(libvirt).create(libvirt, flags);
        guest.awaitAgent();
        return guest;
    }

    @Test
    void crash_isReported_callsFailAtOnce_andLifeGoesOn() throws Exception {
        TinyGuest tied = guest(EnumSet.of(CreateFlag.AUTODESTROY));
        TinyGuest free = guest(EnumSet.noneOf(CreateFlag.class));
        Collector console = new Collector();
        libvirt.consoles().openConsole(free.domain, console);
        free.stopAgent(libvirt);
        Thread.sleep(1000);
        CompletableFuture<Throwable> inFlight = CompletableFuture.supplyAsync(() -> {
            try {
                libvirt.agents().command(free.domain, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(60));
                return new AssertionError("answered");
            } catch (RuntimeException e) {
                return e;
            }
        });
        Thread.sleep(500);

        stop("KILL");
        assertThat(inFlight.orTimeout(3, TimeUnit.SECONDS).join())
                .isInstanceOfSatisfying(HypervisorUnavailableException.class, e -> {
                    assertThat(e.retryable()).isTrue();
                    assertThat(e.vmName()).contains(free.domain.name());
                });
        assertThat(console.end.orTimeout(3, TimeUnit.SECONDS).join())
                .hasValueSatisfying(e -> assertThat(e.retryable()).isTrue());
        Awaitility.await().until(() -> events.size() == 1);
        assertThat(events.get(0)).isInstanceOf(ConnectionLost.class);
        assertThat(libvirt.connected()).isFalse();

        // A call made now waits for the new connection.
        CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(
                () -> libvirt.domains().state(free.domain).isPresent());
        start();
        assertThat(waiting.orTimeout(60, TimeUnit.SECONDS).join()).isTrue();
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> events.size() == 2);
        assertThat(events.get(1)).isInstanceOf(ConnectionRegained.class);
        assertThat(libvirt.connected()).isTrue();
        assertThat(libvirt.domains().state(tied.domain)).as("a crash unties").isPresent();

        // Events come again.
        assertThat(libvirt.domains().destroy(tied.domain)).isTrue();
        assertThat(tied.awaitStop()).isEqualTo("destroyed");
        TinyGuest next = guest(EnumSet.of(CreateFlag.AUTODESTROY));
        assertThat(next.exec(libvirt, "echo hello")).isEqualTo("hello\n");
    }

    @Test
    void cleanStop_takesWhatIsTied_leavesTheRestUsable() throws Exception {
        TinyGuest free = guest(EnumSet.noneOf(CreateFlag.class));
        boolean taken = false;
        for (int i = 0; i < STOPS && !taken; i++) {
            TinyGuest tied = guest(EnumSet.of(CreateFlag.AUTODESTROY));
            int regained = i + 1;
            stop("TERM");
            start();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> events.stream()
                                    .filter(ConnectionRegained.class::isInstance)
                                    .count()
                            == regained);
            assertThat(libvirt.domains().state(free.domain)).isPresent();
            awaitUsable(free);
            taken = libvirt.domains().state(tied.domain).isEmpty();
            if (!taken) {
                awaitUsable(tied);
                assertThat(libvirt.domains().destroy(tied.domain)).isTrue();
            }
        }
        assertThat(taken).as("one of %d stops took the domain along", STOPS).isTrue();
    }

    /** libvirtd answers before it has connected to the agents anew. */
    private void awaitUsable(TinyGuest guest) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .ignoreException(GuestAgentException.class)
                .untilAsserted(
                        () -> assertThat(guest.exec(libvirt, "echo hello")).isEqualTo("hello\n"));
    }

    @Test
    void staysAway_isGivenUp_andTriedAgainByTheNextCall() throws Exception {
        try (Libvirt impatient = open(Duration.ofSeconds(1))) {
            stop("KILL");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> events.stream().anyMatch(ConnectionGivenUp.class::isInstance));
            assertThatThrownBy(() -> impatient.host().hostname())
                    .isInstanceOfSatisfying(
                            HypervisorUnavailableException.class,
                            e -> assertThat(e.retryable()).isTrue())
                    .hasMessageContaining("libvirt-sock");
            start();
            assertThat(impatient.host().hostname()).isNotEmpty();
            Awaitility.await().until(impatient::connected);
        }
    }

    @Test
    void restarts_leaveNoDescriptors() throws Exception {
        assertThat(libvirt.host().hostname()).isNotEmpty();
        for (int i = 0; i < 3; i++) {
            int regained = i + 1;
            stop("KILL");
            start();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> events.stream()
                                    .filter(ConnectionRegained.class::isInstance)
                                    .count()
                            == regained);
            assertThat(libvirt.host().hostname()).isNotEmpty();
        }
        libvirt.close();
        Leaks before = Leaks.now();
        libvirt = open(Duration.ofSeconds(60));
        for (int i = 0; i < 3; i++) {
            stop("KILL");
            start();
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> {
                try {
                    return libvirt.connected() && !libvirt.host().hostname().isEmpty();
                } catch (AgentVMException e) {
                    return false;
                }
            });
        }
        libvirt.close();
        before.assertNone();
        libvirt = open(Duration.ofSeconds(60));
    }
}
