package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.lab.Daemon;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Guests whose agents never answer hold up nobody else: neither other guests, nor the control connection, nor an end. */
@Timeout(600)
class MuteAgentsIT {
    private static final int MUTES = 8;
    /** libvirtd ends a connection whose client is unheard for 30 s. */
    private static final Duration LONGER_THAN_KEEPALIVE = Duration.ofSeconds(40);

    @Test
    void mutes_starveNobody() throws Exception {
        // A libvirtd with the few workers that it starts with.
        Daemon.stop("TERM").start();
        ExecutorService callers = Executors.newCachedThreadPool();
        try (Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"))) {
            List<LibvirtEvent> losses = new ArrayList<>();
            libvirt.addListener(event -> {
                if (event instanceof LibvirtEvent.ConnectionLost) {
                    losses.add(event);
                }
            });
            TinyGuest live = TinyGuest.started(libvirt);
            live.awaitAgent();
            List<TinyGuest> mutes = new ArrayList<>();
            for (int i = 0; i < MUTES; i++) {
                mutes.add(TinyGuest.started(libvirt));
            }
            mutes.forEach(TinyGuest::awaitAgent);
            // Together, so that as many connections are open: then their next calls reach libvirtd in one burst.
            together(callers, mutes, mute -> mute.stopAgent(libvirt));
            Thread.sleep(1000);

            AtomicBoolean over = new AtomicBoolean();
            AtomicInteger unanswered = new AtomicInteger();
            AtomicInteger answered = new AtomicInteger();
            CountDownLatch start = new CountDownLatch(1);
            List<Future<?>> floods = new ArrayList<>();
            for (TinyGuest mute : mutes) {
                for (int i = 0; i < 3; i++) {
                    floods.add(callers.submit(() -> {
                        start.await();
                        while (!over.get()) {
                            try {
                                libvirt.agents()
                                        .command(mute.domain, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(20));
                                answered.incrementAndGet();
                            } catch (AgentVMException e) {
                                unanswered.incrementAndGet();
                            }
                        }
                        return true;
                    }));
                }
            }
            Daemon.holding(() -> {
                start.countDown();
                Thread.sleep(200);
            });

            Duration slowestAgent = Duration.ZERO;
            Duration slowestControl = Duration.ZERO;
            Duration first = Duration.ZERO;
            int calls = 0;
            long end = System.nanoTime() + LONGER_THAN_KEEPALIVE.toNanos();
            while (System.nanoTime() - end < 0) {
                long begun = System.nanoTime();
                libvirt.agents().command(live.domain, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(60));
                slowestAgent = longer(slowestAgent, begun);
                first = calls == 0 ? slowestAgent : first;
                begun = System.nanoTime();
                assertThat(libvirt.domains().state(live.domain)).isPresent();
                slowestControl = longer(slowestControl, begun);
                calls++;
                Thread.sleep(20);
            }
            int silences = unanswered.get();
            assertThat(silences).isGreaterThanOrEqualTo(MUTES);
            assertThat(answered).hasValue(0);
            assertThat(losses).isEmpty();

            Duration slowestDestroy = Duration.ZERO;
            for (TinyGuest mute : mutes) {
                long begun = System.nanoTime();
                assertThat(libvirt.domains().destroy(mute.domain)).isTrue();
                slowestDestroy = longer(slowestDestroy, begun);
            }
            over.set(true);
            for (Future<?> flood : floods) {
                flood.get(30, TimeUnit.SECONDS);
            }
            System.out.printf(
                    "%d mute agents, %d of their calls unanswered; %d calls of a live one: slowest %d ms, the first %d ms;"
                            + " control: %d ms; destroy of a mute: %d ms%n",
                    MUTES,
                    silences,
                    calls,
                    slowestAgent.toMillis(),
                    first.toMillis(),
                    slowestControl.toMillis(),
                    slowestDestroy.toMillis());
            assertThat(slowestAgent).as("less than a mute one holds its place").isLessThan(Duration.ofSeconds(4));
            assertThat(slowestControl).isLessThan(Duration.ofSeconds(4));
            assertThat(slowestDestroy).isLessThan(Duration.ofSeconds(5));
        } finally {
            callers.shutdownNow();
        }
    }

    private static void together(ExecutorService callers, List<TinyGuest> guests, Consumer<TinyGuest> action)
            throws Exception {
        CyclicBarrier start = new CyclicBarrier(guests.size());
        List<Future<?>> all = new ArrayList<>();
        for (TinyGuest guest : guests) {
            all.add(callers.submit(() -> {
                start.await();
                action.accept(guest);
                return true;
            }));
        }
        for (Future<?> one : all) {
            one.get(30, TimeUnit.SECONDS);
        }
    }

    private static Duration longer(Duration longest, long begun) {
        Duration took = Duration.ofNanos(System.nanoTime() - begun);
        return took.compareTo(longest) > 0 ? took : longest;
    }
}
