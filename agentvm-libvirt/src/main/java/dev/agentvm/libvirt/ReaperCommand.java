package dev.agentvm.libvirt;

import dev.agentvm.AgentVMException;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.InvalidValueException;
import dev.agentvm.ReapReport;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * {@code agentvm-reaper}: removes what programs that died have left, and VMs past their time to live or idle timeout, for
 * cron or as a service. It does what {@link dev.agentvm.Hypervisor#reap()} does and prints a line for each thing. Not
 * thread-safe.
 *
 * <p>Exit status: 0 if nothing failed, whether there was something to remove or not; 1 if something could not be removed; 2
 * if the arguments are wrong; 3 if libvirt cannot be reached or the state directory cannot be used. With
 * {@code --interval} it goes on after failures, and ends by a signal only.
 */
public final class ReaperCommand {
    static final int DONE = CommandLine.DONE;
    static final int LEFT = 1;
    static final int USAGE = CommandLine.USAGE;
    static final int UNAVAILABLE = 3;

    static final String HELP = """
            usage: agentvm-reaper [OPTION…]
            Removes VMs of agentvm that are past their time, and what programs that died have left.

              --uri URI              libvirt's; qemu:///system if not said
              --state-directory DIR  where programs write down their launches, an absolute path; may be said for
                                     several; that of this user if not said
              --dry-run              only says what would be removed
              --interval TIME        goes on, and does it that often: a number with s, m or h
              --help                 says this

            exit status: 0 nothing failed, 1 something could not be removed, 2 wrong arguments, 3 libvirt or the
            state directory cannot be used
            """;

    private final PrintStream out;
    private final PrintStream err;
    private @Nullable String uri;
    private final List<Path> stateDirectories = new ArrayList<>();
    private boolean dryRun;
    private @Nullable Duration interval;

    private ReaperCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /** Runs it; see {@code --help}. */
    public static void main(String[] args) throws InterruptedException {
        System.exit(run(System.out, System.err, args));
    }

    static int run(PrintStream out, PrintStream err, String... args) throws InterruptedException {
        ReaperCommand command = new ReaperCommand(out, err);
        OptionalInt over = CommandLine.read("agentvm-reaper", HELP, out, err, command::take, args);
        return over.isPresent() ? over.getAsInt() : command.run();
    }

    private boolean take(String option, Supplier<String> value) {
        switch (option) {
            case "--uri" -> {
                uri = value.get();
                new LibvirtHypervisor.Builder().uri(uri);
            }
            case "--state-directory" -> {
                Path directory = Path.of(value.get());
                new LibvirtHypervisor.Builder().stateDirectory(directory);
                stateDirectories.add(directory);
            }
            case "--interval" -> interval = time(value.get());
            case "--dry-run" -> dryRun = true;
            default -> {
                return false;
            }
        }
        return true;
    }

    private static Duration time(String text) {
        if (!text.matches("[1-9][0-9]{0,5}[smh]")) {
            throw new InvalidValueException("--interval", text, "must be a number with s, m or h, such as 30s");
        }
        long number = Long.parseLong(text.substring(0, text.length() - 1));
        return switch (text.charAt(text.length() - 1)) {
            case 's' -> Duration.ofSeconds(number);
            case 'm' -> Duration.ofMinutes(number);
            default -> Duration.ofHours(number);
        };
    }

    private int run() throws InterruptedException {
        Duration pause = interval;
        if (pause == null) {
            return reap();
        }
        Lock round = new ReentrantLock();
        // A signal waits for the end of the round, and no other begins.
        Runtime.getRuntime().addShutdownHook(new Thread(round::lock));
        while (true) {
            round.lock();
            try {
                int unused = reap();
            } finally {
                round.unlock();
            }
            TimeUnit.MILLISECONDS.sleep(pause.toMillis());
        }
    }

    private int reap() {
        if (stateDirectories.isEmpty()) {
            return reap(Optional.empty());
        }
        int worst = DONE;
        for (Path directory : stateDirectories) {
            worst = Math.max(worst, reap(Optional.of(directory)));
        }
        return worst;
    }

    static LibvirtHypervisor.Builder builder(Optional<String> uri, Optional<Path> stateDirectory) {
        LibvirtHypervisor.Builder builder = new LibvirtHypervisor.Builder().withoutLaunching();
        uri.ifPresent(builder::uri);
        stateDirectory.ifPresent(builder::stateDirectory);
        return builder;
    }

    /** Connects anew each time, since libvirt may have been restarted, and holds nothing meanwhile. */
    private int reap(Optional<Path> stateDirectory) {
        try (LibvirtHypervisor hypervisor =
                builder(Optional.ofNullable(uri), stateDirectory).connect()) {
            ReapReport report = hypervisor.reap(dryRun);
            report.removed().forEach(line -> out.println((dryRun ? "would remove " : "removed ") + line));
            report.failed().forEach(line -> err.println("could not remove " + line));
            return report.failed().isEmpty() ? DONE : LEFT;
        } catch (HypervisorUnavailableException e) {
            err.println("agentvm-reaper: " + e.getMessage());
            return UNAVAILABLE;
        } catch (AgentVMException e) {
            err.println("agentvm-reaper: " + e.getMessage());
            return LEFT;
        } finally {
            out.flush();
        }
    }
}
