package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.EventDispatcher;
import dev.agentvm.spi.VMEventSource;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is told of a guest that opens connections as fast as it can; the frames are crafted, on a cable without a guest. */
@Timeout(300)
class TapLoadIT {
    private static final String CABLE = "avmload0";
    private static final String OTHER_END = "avmload1";
    private static final int FLOWS_PER_SECOND = 2000;
    private static final int SECONDS = Boolean.getBoolean("agentvm.soak") ? 60 : 10;
    private static final MacAddress VM = MacAddress.of("52:54:c0:a8:65:0a");

    /** Sends SYN packets, each of a connection of its own, at an even pace; says how many. */
    private static final String SENDER = """
            import socket, struct, sys, time
            name, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
            out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            out.bind((name, 0))
            mac = bytes.fromhex('5254c0a8650a')
            total = rate * seconds
            begin = time.monotonic()
            for n in range(total):
                source, port = 1024 + n % 60000, (443, 8080)[n % 2]
                ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, n & 0xffff, 0, 64, 6, 0,
                                 socket.inet_aton('192.168.101.10'), socket.inet_aton('140.82.112.3'))
                tcp = struct.pack('!HHIIBBHHH', source, port, n, 0, 0x50, 2, 1024, 0, 0)
                out.send(b'\\xff' * 6 + mac + b'\\x08\\x00' + ip + tcp)
                if n % 20 == 19:
                    time.sleep(max(0, begin + n / rate - time.monotonic()))
            print(total, time.monotonic() - begin)
            """;

    private final AtomicLong attempts = new AtomicLong();
    private final AtomicLong unread = new AtomicLong();

    private void count(VMEvent event) {
        if (event instanceof ConnectionAttempted) {
            attempts.incrementAndGet();
        } else if (event instanceof EventsLost lost && lost.cause() != EventsLost.Cause.LISTENER) {
            unread.addAndGet(lost.count());
        }
    }

    @Test
    void flood_ofNewConnections_isToldButForAHundredthAtAQuarterOfACore() throws Exception {
        run("ip", "link", "add", CABLE, "type", "veth", "peer", "name", OTHER_END);
        try (EventDispatcher events = new EventDispatcher();
                TapWatcher watcher = new TapWatcher(Clock.systemUTC(), new OwnTaps())) {
            for (String end : List.of(CABLE, OTHER_END)) {
                run("sysctl", "-qw", "net.ipv6.conf." + end + ".disable_ipv6=1");
                run("ip", "link", "set", end, "up");
            }
            Registration listening = events.listen(this::count);
            VMEventSource source =
                    VMEventSource.ofForeign(events, Clock.systemUTC(), VMIdentity.of(UUID.randomUUID(), "flooding"));
            TapWatch watch = watcher.watch(CABLE, VM, source, new DefaultPolicy());
            long cpuBefore = cpuNanos();

            String[] sent = run(
                            "python3",
                            "-c",
                            SENDER,
                            OTHER_END,
                            Integer.toString(FLOWS_PER_SECOND),
                            Integer.toString(SECONDS))
                    .split(" ");
            long flows = Long.parseLong(sent[0]);
            // What still waits costs too, and threads that have ended no longer say what they used.
            Awaitility.await("told or counted")
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> attempts.get() + unread.get() + listening.lost() >= flows);
            long cpu = cpuNanos() - cpuBefore;
            watch.end();
            watch.done().toCompletableFuture().get();
            assertThat(listening.awaitDelivery(Duration.ofSeconds(30))).isTrue();

            double seconds = Double.parseDouble(sent[1]);
            double core = cpu / 1e9 / seconds;
            System.out.printf(
                    "%d flows in %.1f s: %d told, %d unread or left out, %d events lost by the listener, %.3f of a core%n",
                    flows, seconds, attempts.get(), unread.get(), listening.lost(), core);
            assertThat(attempts.get()).isBetween(flows - flows / 100, flows);
            // If it were less, other threads than these would do the work.
            assertThat(core).as("of one core").isGreaterThan(0.005).isLessThan(0.25);
        } finally {
            run("ip", "link", "delete", CABLE);
        }
    }

    @Test
    void watch_thatGoesWrong_saysSoAndHoldsUpNoOther() throws Exception {
        run("ip", "link", "add", CABLE, "type", "veth", "peer", "name", OTHER_END);
        List<VMEvent> told = new CopyOnWriteArrayList<>();
        try (EventDispatcher events = new EventDispatcher();
                TapWatcher watcher = new TapWatcher(Clock.systemUTC(), new OwnTaps())) {
            for (String end : List.of(CABLE, OTHER_END)) {
                run("sysctl", "-qw", "net.ipv6.conf." + end + ".disable_ipv6=1");
                run("ip", "link", "set", end, "up");
            }
            events.listen(told::add);
            VMEventSource broken =
                    VMEventSource.ofForeign(events, Clock.systemUTC(), VMIdentity.of(UUID.randomUUID(), "broken"));
            VMEventSource whole =
                    VMEventSource.ofForeign(events, Clock.systemUTC(), VMIdentity.of(UUID.randomUUID(), "whole"));
            TapWatch first = watcher.watch(CABLE, VM, broken, new BrokenPolicy());
            TapWatch second = watcher.watch(CABLE, VM, whole, new DefaultPolicy());

            run("python3", "-c", SENDER, OTHER_END, "100", "1");
            first.done().toCompletableFuture().get();
            second.end();
            second.done().toCompletableFuture().get();
            assertThat(events.close(Duration.ofSeconds(30))).isTrue();

            assertThat(told.stream().filter(event -> event.vm().equals(broken.vm())))
                    .singleElement()
                    .isInstanceOfSatisfying(
                            ObservationLimited.class,
                            limited -> assertThat(limited.reason()).contains("StackOverflowError"));
            assertThat(first.log().limitation()).isPresent();
            assertThat(told.stream()
                            .filter(event -> event instanceof ConnectionAttempted
                                    && event.vm().equals(whole.vm())))
                    .hasSize(100);
        } finally {
            run("ip", "link", "delete", CABLE);
        }
    }

    private static final class BrokenPolicy implements Judge {
        @Override
        public Optional<Verdict> judge(Flow flow) {
            throw new StackOverflowError();
        }

        @Override
        public Optional<Object> version() {
            return Optional.empty();
        }
    }

    /** What the threads have used that read the tap and tell the listener. */
    private static long cpuNanos() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        return Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
                .filter(thread -> thread != null
                        && (thread.getThreadName().equals("agentvm-tap-watcher")
                                || thread.getThreadName().equals("agentvm-events")))
                .mapToLong(thread -> threads.getThreadCpuTime(thread.getThreadId()))
                .sum();
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor())
                .as("%s: %s", String.join(" ", command), said)
                .isZero();
        return said.strip();
    }

    private static final class DefaultPolicy implements Judge {
        private final Object version = new Object();

        @Override
        public Optional<Verdict> judge(Flow flow) {
            return Optional.of(NetworkPolicy.agentDefault().evaluate(flow));
        }

        @Override
        public Optional<Object> version() {
            return Optional.of(version);
        }
    }
}
