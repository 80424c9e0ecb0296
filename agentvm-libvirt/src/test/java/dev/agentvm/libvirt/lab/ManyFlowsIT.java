package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.ConnectionLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that opens as many flows as it can: each is told or counted, and nothing else suffers. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ManyFlowsIT {
    /** Long enough for a million. */
    private static final Duration FLOOD = Duration.ofSeconds(Lab.soak() ? 180 : 4);

    private static final long LEAST = Lab.soak() ? 1_000_000 : 2 * ConnectionLog.MAX_ATTEMPTS;
    private static final long MIB = 1 << 20;
    /** Frames by which a guest and its host look for each other, which are no flows of the flood. */
    private static final long OF_ITS_OWN = 50;

    private final AtomicLong told = new AtomicLong();
    private final AtomicLong leftOut = new AtomicLong();
    private final AtomicLong unread = new AtomicLong();

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    private void count(VMEvent event) {
        if (event instanceof ConnectionAttempted) {
            told.incrementAndGet();
        } else if (event instanceof EventsLost lost) {
            (lost.cause() == EventsLost.Cause.RATE ? leftOut : unread).addAndGet(lost.count());
        }
    }

    @Test
    void flows_asManyAsAGuestCanOpen_areToldOrCountedAndHoldUpNothing() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                Registration listening = hypervisor.events().listen(this::count);
                VM vm = hypervisor.launch(Lab.tiny("flooding"))) {
            Lab.awaitNetwork(vm);
            long heap = heap();
            long before = sent(vm);
            assertThat(listening.awaitDelivery(Duration.ofSeconds(5))).isTrue();
            long accountedBefore = accounted();

            Lab.output(
                    vm,
                    Command.shell("(flood " + Lab.fact("WWW_ADDRESS") + " " + FLOOD.toMillis()
                            + " >/tmp/flooding; mv /tmp/flooding /tmp/flooded) >/dev/null 2>&1 &"));
            int commands = 0;
            long slowest = 0;
            boolean flooding = true;
            while (flooding) {
                long begin = System.nanoTime();
                flooding = !vm.exec(Command.of("test", "-e", "/tmp/flooded")).success();
                slowest = Math.max(slowest, System.nanoTime() - begin);
                commands++;
            }
            assertThat(Lab.output(vm, Command.of("cat", "/tmp/flooded"))).startsWith("sent ");
            long sent = sent(vm) - before;
            Awaitility.await()
                    .atMost(Duration.ofSeconds(15))
                    .untilAsserted(() -> assertThat(accounted() - accountedBefore)
                            .as("told or counted of %d frames", sent)
                            .isCloseTo(sent, within(OF_ITS_OWN)));

            ConnectionLog log = vm.connectionLog();
            System.out.printf(
                    "%d flows in %d s: %d told, %d left out, %d unread; heap %+d MiB; slowest of %d commands: %d ms%n",
                    sent,
                    FLOOD.toSeconds(),
                    told.get(),
                    leftOut.get(),
                    unread.get(),
                    (heap() - heap) / MIB,
                    commands,
                    TimeUnit.NANOSECONDS.toMillis(slowest));
            assertThat(sent).as("more than is remembered").isGreaterThan(LEAST);
            assertThat(log.attempts()).hasSize(ConnectionLog.MAX_ATTEMPTS);
            assertThat(log.forgotten() + log.attempts().size() + log.lost()).isGreaterThanOrEqualTo(sent - OF_ITS_OWN);
            assertThat(heap() - heap).isLessThan(64 * MIB);
            assertThat(Duration.ofNanos(slowest)).isLessThan(Duration.ofSeconds(15));
            assertThat(Lab.probe(vm, "tcp", Lab.fact("WWW_ADDRESS"), "443")).startsWith("open");
        }
    }

    private long accounted() {
        return told.get() + leftOut.get() + unread.get();
    }

    /** What the kernel has counted at the tap. */
    private static long sent(VM vm) throws IOException {
        return Long.parseLong(Files.readString(Path.of("/sys/class/net", Lab.tap(vm), "statistics/rx_packets"))
                .strip());
    }

    private static long heap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
