package dev.agentvm.libvirt.internal.connection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
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
                TinyGuest mute = TinyGuest.started(libvirt);
                mute.awaitAgent();
                mute.stopAgent(libvirt);
                mutes.add(mute);
            }
            Thread.sleep(1000);

            AtomicBoolean over = new AtomicBoolean();
            AtomicInteger unanswered = new AtomicInteger();
            AtomicInteger answered = new AtomicInteger();
            List<Future<?>> floods = new ArrayList<>();
            for (TinyGuest mute : mutes) {
                for (int i = 0; i < 3; i++) {
                    floods.add(callers.submit(() -> {
                        while (!over.get()) {
                            try {
                                libvirt.agents()
                                        .command(mute.domain, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(20));
                                answered.incrementAndGet();
                            } catch (AgentVMException e) {
                                unanswered.incrementAndGet();
                            }
                        }
                    }));
                }
            }

            Duration slowestAgent = Duration.ZERO;
            Duration slowestControl = Duration.ZERO;
            int calls = 0;
            long end = System.nanoTime() + LONGER_THAN_KEEPALIVE.toNanos();
            while (System.nanoTime() - end < 0) {
                long begun = System.nanoTime();
                libvirt.agents().command(live.domain, "{\"execute\":\"guest-ping\"}", Duration.ofSeconds(60));
                slowestAgent = longer(slowestAgent, begun);
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
                    "%d mute agents, %d of their calls unanswered; %d calls of a live one: slowest %d ms;"
                            + " control: %d ms; destroy of a mute: %d ms%n",
                    MUTES,
                    silences,
                    calls,
                    slowestAgent.toMillis(),
                    slowestControl.toMillis(),
                    slowestDestroy.toMillis());
            assertThat(slowestAgent).as("less than a mute one holds its place").isLessThan(Duration.ofSeconds(4));
            assertThat(slowestControl).isLessThan(Duration.ofSeconds(4));
            assertThat(slowestDestroy).isLessThan(Duration.ofSeconds(5));
        } finally {
            callers.shutdownNow();
        }
    }

    private static Duration longer(Duration longest, long begun) {
        Duration took = Duration.ofNanos(System.nanoTime() - begun);
        return took.compareTo(longest) > 0 ? took : longest;
    }
}
