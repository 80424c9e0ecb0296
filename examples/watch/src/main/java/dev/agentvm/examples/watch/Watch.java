package dev.agentvm.examples.watch;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.event.Registration;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.monitor.AnomalyMonitor;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Shows all VMs of a host in a terminal, and what they do while they do it: traffic, connections, denials, alerts. In the
 * lab, and without any hypervisor:
 *
 * <pre>{@code
 * lab/run java -jar examples/watch/target/watch.jar --vms 2 tiny 'wget -q -O /dev/null http://git.example.com/'
 * java -jar examples/watch/target/watch.jar --fake --vms 5
 * }</pre>
 */
public final class Watch {
    private static final Duration REDRAW = Duration.ofSeconds(1);
    private static final Duration PRETENCE = Duration.ofMillis(500);

    private final Board board;
    private final Options options;
    private final PrintStream out;
    private final CountDownLatch stop;

    Watch(Board board, Options options, PrintStream out, CountDownLatch stop) {
        this.board = board;
        this.options = options;
        this.out = out;
        this.stop = stop;
    }

    /** Ends with 0, or with 2 if the arguments are wrong or the hypervisor cannot be reached. */
    public static void main(String[] args) throws InterruptedException {
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println("watch: " + e.getMessage() + "\n\n" + Options.USAGE);
            System.exit(2);
            return;
        }
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> finish(stop, done)));
        Watch watch = new Watch(new Board(), options, System.out, stop);
        try {
            if (options.fake()) {
                watch.pretend();
            } else {
                watch.watch();
            }
        } catch (AgentVMException e) {
            System.err.println(e.getMessage());
            done.countDown();
            System.exit(2);
        } finally {
            done.countDown();
        }
    }

    /** An interrupt of the terminal ends the VMs too, and gives the screen back. */
    private static void finish(CountDownLatch stop, CountDownLatch done) {
        stop.countDown();
        try {
            boolean unused = done.await(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void watch() throws InterruptedException {
        try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                .addListener(board)
                .samplingInterval(Duration.ofSeconds(2))
                .connect()) {
            Registration unused = AnomalyMonitor.attach(hypervisor.events());
            options.command().ifPresent(command -> {
                for (int i = 1; i <= options.vms(); i++) {
                    Work.begin(hypervisor, "watched-" + i, options.image(), Command.shell(command), stop);
                }
            });
            show(hypervisor, Instant::now);
        }
    }

    /** Shows what is made up. */
    void pretend() throws InterruptedException {
        Pretence pretence = new Pretence(board, options.vms());
        try (Hypervisor hypervisor = pretence.hypervisor()) {
            Registration unused = AnomalyMonitor.attach(hypervisor.events());
            pretence.launch();
            Thread thread = new Thread(() -> live(pretence), "pretence");
            thread.setDaemon(true);
            thread.start();
            show(hypervisor, pretence::now);
            thread.interrupt();
            thread.join();
        }
    }

    private static void live(Pretence pretence) {
        try {
            while (true) {
                pretence.step();
                Thread.sleep(PRETENCE.toMillis());
            }
        } catch (InterruptedException e) {
            // That is the end.
        }
    }

    private void show(Hypervisor hypervisor, InstantSource time) throws InterruptedException {
        if (options.once()) {
            if (!stop.await(options.patience().toMillis(), TimeUnit.MILLISECONDS)) {
                Terminal.Size size = Terminal.size();
                lines(hypervisor, time, size.width(), size.height()).forEach(line -> out.println(line.text()));
            }
            return;
        }
        try (Terminal terminal = Terminal.open(out)) {
            do {
                Terminal.Size size = Terminal.size();
                // What reaches the last column makes some terminals begin another line.
                terminal.draw(lines(hypervisor, time, size.width() - 1, size.height()));
            } while (!stop.await(REDRAW.toMillis(), TimeUnit.MILLISECONDS));
        }
    }

    private List<Line> lines(Hypervisor hypervisor, InstantSource time, int width, int height) {
        return Table.lines(board.look(hypervisor, time.instant()), Math.max(1, width), height);
    }
}
