package dev.agentvm.libvirt.internal.flowlog;

import dev.agentvm.libvirt.internal.capture.Taps;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows programs what passes the taps of their own VMs. Each connection is about one tap and has a thread of its own, so
 * that a program that does not read holds up nobody: what it does not take stays with the kernel, which keeps a bounded
 * amount and counts what it drops. Safe for use by many threads.
 *
 * <p>Frames are copied rather than the packet socket handed over: whoever holds a packet socket may bind it to any other
 * interface, without any right, even if its filter is locked (tried on Linux 6.18).
 */
public final class FlowLogServer implements AutoCloseable {
    /** How many taps are shown at a time. */
    static final int MOST = 256;
    /** How many of them to one user. */
    static final int MOST_OF_A_USER = 64;

    private static final Logger LOG = LoggerFactory.getLogger(FlowLogServer.class);
    private static final long PAUSE_MILLIS = 100;

    private final Path path;
    private final Supplier<Taps> taps;
    private final TapAccess access;
    private final Predicate<UserPrincipal> allowed;
    private final ServerSocketChannel listener;
    private final Set<Showing> showings = ConcurrentHashMap.newKeySet();

    private FlowLogServer(
            Path path,
            Supplier<Taps> taps,
            TapAccess access,
            Predicate<UserPrincipal> allowed,
            ServerSocketChannel listener) {
        this.path = path;
        this.taps = taps;
        this.access = access;
        this.allowed = allowed;
        this.listener = listener;
    }

    /**
     * Listens from now on. A socket that an earlier service has left is replaced.
     *
     * @param path where; its owner and its group may connect
     * @param taps how taps are read, for one connection each
     * @param allowed who may ask at all
     * @throws IOException if it cannot listen there
     */
    public static FlowLogServer listen(
            Path path, Supplier<Taps> taps, TapAccess access, Predicate<UserPrincipal> allowed) throws IOException {
        Files.deleteIfExists(path);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            // A full queue would turn programs away without a word.
            listener.bind(UnixDomainSocketAddress.of(path), MOST);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw----"));
        } catch (IOException e) {
            listener.close();
            throw e;
        }
        return new FlowLogServer(path, taps, access, allowed, listener);
    }

    /** Serves until it is closed. */
    public void run() throws IOException {
        while (listener.isOpen()) {
            try {
                begin(listener.accept());
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                // Such as too many open files, which passes.
                LOG.warn("a program could not be served: {}", e.getMessage());
                pause();
            }
        }
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void begin(SocketChannel program) throws IOException {
        UserPrincipal user;
        try {
            user = program.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
        } catch (IOException | RuntimeException e) {
            program.close();
            throw e;
        }
        Showing showing = new Showing(program, user, taps, access, showings::remove);
        String refusal = refusal(user);
        if (refusal.isEmpty()) {
            showings.add(showing);
        }
        showing.start(refusal);
    }

    /** Why {@code user} gets nothing; empty if nothing speaks against it yet. */
    private String refusal(UserPrincipal user) {
        Map<UserPrincipal, Integer> byUser = new HashMap<>();
        showings.forEach(showing -> byUser.merge(showing.user(), 1, Integer::sum));
        if (!allowed.test(user)) {
            return "the user " + user.getName() + " is not among those that the service was told to serve";
        }
        if (showings.size() >= MOST) {
            return "it shows " + MOST + " taps already, which is all it does";
        }
        return byUser.getOrDefault(user, 0) >= MOST_OF_A_USER
                ? "it shows " + MOST_OF_A_USER + " taps to the user " + user.getName()
                        + " already, which is all that one gets"
                : "";
    }

    /** Serves nobody any more. */
    @Override
    public void close() throws IOException {
        listener.close();
        showings.forEach(Showing::close);
        Files.deleteIfExists(path);
    }
}
