package dev.agentvm.libvirt;

import dev.agentvm.InvalidValueException;
import dev.agentvm.libvirt.internal.capture.OwnTaps;
import dev.agentvm.libvirt.internal.domain.LaunchedTaps;
import dev.agentvm.libvirt.internal.flowlog.FlowLogServer;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.libvirt.internal.network.HostView;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;

/**
 * {@code agentvm-flowlog}: shows programs that may not open packet sockets what their own VMs do on their networks. To be
 * run by root as a service; {@link LibvirtHypervisor.Builder#flowLogSocket} is the other side. Not thread-safe.
 *
 * <p>A program gets what passes the tap of one VM, cut to the headers, if libvirt's domain bears this library's mark and the
 * mark names the user that the kernel says the program runs for. It never gets anything of another user's VM nor of any
 * other interface.
 *
 * <p>It ends by a signal; with 2 if the arguments are wrong, and with 3 if it may not open packet sockets or cannot listen.
 */
public final class FlowLogService {
    static final int DONE = CommandLine.DONE;
    static final int USAGE = CommandLine.USAGE;
    static final int UNAVAILABLE = 3;

    static final String HELP = """
            usage: agentvm-flowlog [OPTION…]
            Shows programs that may not open packet sockets what their own VMs do on their networks.

              --socket PATH   where it listens, an absolute path; its owner and group may connect;
                              /run/agentvm/flowlog.sock if not said
              --user USER     serves this user alone, by name or number; may be said for several
              --uri URI       libvirt's; qemu:///system if not said
              --help          says this

            It ends by a signal. Exit status: 2 wrong arguments, 3 it may not open packet sockets or cannot listen
            """;

    private final PrintStream out;
    private final PrintStream err;
    private String uri = "qemu:///system";
    private Path socket = HostView.FLOW_LOG_SOCKET;
    private final Set<UserPrincipal> users = new HashSet<>();

    private FlowLogService(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /** Runs it; see {@code --help}. */
    public static void main(String[] args) {
        System.exit(run(System.out, System.err, args));
    }

    static int run(PrintStream out, PrintStream err, String... args) {
        FlowLogService service = new FlowLogService(out, err);
        OptionalInt over = CommandLine.read("agentvm-flowlog", HELP, out, err, service::take, args);
        return over.isPresent() ? over.getAsInt() : service.run();
    }

    private boolean take(String option, Supplier<String> value) {
        switch (option) {
            case "--socket" -> {
                socket = Path.of(value.get());
                new LibvirtHypervisor.Builder().flowLogSocket(socket);
            }
            case "--uri" -> {
                uri = value.get();
                new LibvirtHypervisor.Builder().uri(uri);
            }
            case "--user" -> users.add(user(value.get()));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static UserPrincipal user(String name) {
        try {
            return FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(name);
        } catch (IOException e) {
            throw new InvalidValueException("--user", name, "must be the name or the number of a user of this host");
        }
    }

    private int run() {
        if (!PacketSocket.permitted()) {
            err.println(
                    "agentvm-flowlog: this process may not open packet sockets; run it as root, or with CAP_NET_RAW");
            return UNAVAILABLE;
        }
        try (FlowLogServer server = FlowLogServer.listen(
                socket, OwnTaps::new, new LaunchedTaps(uri), user -> users.isEmpty() || users.contains(user))) {
            out.println("agentvm-flowlog listens at " + socket);
            out.flush();
            server.run();
            return DONE;
        } catch (IOException e) {
            err.println("agentvm-flowlog: " + socket + ": " + e);
            return UNAVAILABLE;
        }
    }
}
