package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.life.Guard;
import dev.agentvm.libvirt.internal.life.GuardOrders;
import dev.agentvm.libvirt.internal.nativeaccess.Sessions;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/**
 * The process behind {@link Guard}: waits for the end of its standard input, which is the end of the program that started
 * it, and then destroys the VMs that it was told of and removes what that program's launches left. For some seconds more it
 * looks for VMs that come only then.
 *
 * <p>That the program is gone it believes only when the lock of its journals is free too, and a domain it destroys only if
 * that bears the program's mark.
 */
public final class GuardProgram {
    private static final Duration LOCK_WAIT = Duration.ofSeconds(30);
    private static final Duration LOCK_POLL = Duration.ofMillis(20);
    private static final Duration LIBVIRT_WAIT = Duration.ofMinutes(5);
    private static final Duration LIBVIRT_POLL = Duration.ofSeconds(1);
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(8);

    private final Settings settings;
    private final String owner;

    private GuardProgram(String uri, Path stateDirectory, String owner) {
        this.settings = new Settings(
                uri,
                stateDirectory,
                false,
                stateDirectory.resolve("images"),
                "agentvm",
                stateDirectory,
                NetworkSettings.standard(),
                Optional.of(Accelerator.TCG),
                false,
                Duration.ofHours(1),
                HostView.FLOW_LOG_SOCKET,
                List.of(),
                MetricsSink.none(),
                Clock.systemUTC());
        this.owner = owner;
    }

    /** The guard of a program with those settings, not started yet. */
    static Guard guard(Settings settings, String owner) {
        return new Guard(
                GuardProgram.class,
                List.of(settings.uri(), settings.stateDirectory().toString(), owner));
    }

    /** Arguments: libvirt's URI, the state directory, and the program's owner id. */
    public static void main(String[] args) throws IOException {
        CountDownLatch done = new CountDownLatch(1);
        outliveSignals(done);
        try {
            GuardProgram guard = new GuardProgram(args[0], Path.of(args[1]), args[2]);
            guard.rehearse();
            System.out.println(GuardOrders.READY);
            GuardOrders orders = listen();
            if (!orders.isEnded()) {
                guard.finish(orders.watched());
            }
        } finally {
            done.countDown();
        }
    }

    /** What is sent to the program's process group, or to all of a service, comes before the end of the program. */
    private static void outliveSignals(CountDownLatch done) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                done.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        Sessions.begin();
    }

    /** What cannot be done now would fail later, when nobody hears of it; and later it is quick. */
    private void rehearse() {
        try (Parts parts = Parts.open(settings)) {
            parts.libvirt().domains().lookup(UUID.randomUUID());
        }
    }

    private static GuardOrders listen() throws IOException {
        GuardOrders orders = new GuardOrders();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            orders.hear(line);
        }
        return orders;
    }

    /** libvirt may be away for a moment, too. */
    private void finish(Set<UUID> watched) {
        long deadline = System.nanoTime() + LIBVIRT_WAIT.toNanos();
        while (true) {
            try (Parts parts = Parts.open(settings)) {
                finish(parts, watched);
                return;
            } catch (HypervisorUnavailableException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                LockSupport.parkNanos(LIBVIRT_POLL.toNanos());
            }
        }
    }

    private void finish(Parts parts, Set<UUID> watched) {
        long deadline = System.nanoTime() + LOCK_WAIT.toNanos();
        while (!parts.journals().visit(owner, (orphan, journal) -> false)) {
            if (System.nanoTime() > deadline) {
                // It lives and has lost this pipe only; it starts another guard.
                return;
            }
            LockSupport.parkNanos(LOCK_POLL.toNanos());
        }
        remove(parts, watched);
        // What the program asked of libvirt before it died may be done only now, such as the creation of a domain.
        for (long end = System.nanoTime() + LOOK_AGAIN.toNanos(); System.nanoTime() < end; ) {
            LockSupport.parkNanos(LIBVIRT_POLL.toNanos());
            if (watched.stream().anyMatch(id -> find(parts, id).isPresent())) {
                remove(parts, watched);
            }
        }
    }

    private void remove(Parts parts, Set<UUID> watched) {
        Set<UUID> left = new LinkedHashSet<>(watched);
        for (long end = System.nanoTime() + LIBVIRT_WAIT.toNanos(); System.nanoTime() < end; ) {
            left.removeIf(id -> destroyed(parts, id));
            boolean clean = new Reaper(parts, domain -> LibvirtHost.ledger(parts, domain), false)
                    .reapOwner(owner)
                    .map(report -> report.failed().isEmpty())
                    .orElse(true);
            if (left.isEmpty() && clean) {
                return;
            }
            LockSupport.parkNanos(LIBVIRT_POLL.toNanos());
        }
    }

    /** Whether it is gone, or none of the program's; what fails is tried again. */
    private boolean destroyed(Parts parts, UUID id) {
        try {
            find(parts, id).ifPresent(domain -> {
                boolean unused = parts.libvirt().domains().destroy(domain);
            });
            return true;
        } catch (HypervisorUnavailableException e) {
            throw e;
        } catch (AgentVMException e) {
            return false;
        }
    }

    /** A domain of the program's. */
    private Optional<DomainRef> find(Parts parts, UUID id) {
        return parts.libvirt()
                .domains()
                .lookup(id)
                .filter(domain -> parts.domainXml(domain)
                        .filter(xml -> owner.equals(Parts.mark(xml).id))
                        .isPresent());
    }
}
