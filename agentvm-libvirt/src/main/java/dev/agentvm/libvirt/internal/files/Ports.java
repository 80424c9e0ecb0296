package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.libvirt.internal.connection.ByteSink;
import dev.agentvm.libvirt.internal.connection.ByteStream;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The virtio-serial ports of a VM that are spare, by which much goes to and fro past its agent. Safe for use by many
 * threads.
 */
public final class Ports {
    private static final Logger LOG = LoggerFactory.getLogger(Ports.class);

    private final List<String> names;
    private final Opener opener;
    private final Set<String> taken = new HashSet<>();
    private boolean useless;

    /** Opens the host's end of a port, which fails if there is no such port, or somebody has it. */
    @FunctionalInterface
    public interface Opener {
        /** As {@link dev.agentvm.libvirt.internal.connection.Consoles#openChannel}. */
        ByteStream open(String name, ByteSink sink);
    }

    /**
     * The ports of a VM.
     *
     * @param names by which host and guest know them, of letters, digits and dots
     */
    public Ports(List<String> names, Opener opener) {
        this.names = List.copyOf(names);
        this.opener = opener;
    }

    /** No ports. */
    public static Ports none() {
        return new Ports(List.of(), (name, sink) -> {
            throw new IllegalStateException("there is none");
        });
    }

    /** One that is free, opened; empty if there is none. Nobody waits for one, since copies take as long as they like. */
    Optional<Port> take() {
        for (String name : names) {
            if (reserve(name)) {
                try {
                    Port port = new Port(name, this);
                    port.opened(opener.open(name, port));
                    return Optional.of(port);
                } catch (AgentVMException e) {
                    release(name);
                    LOG.debug("the port {} cannot be used", name, e);
                } catch (RuntimeException e) {
                    release(name);
                    throw e;
                }
            }
        }
        return Optional.empty();
    }

    private synchronized boolean reserve(String name) {
        return !useless && taken.add(name);
    }

    /** It is closed. */
    synchronized void release(String name) {
        taken.remove(name);
    }

    /** The guest is another one, and may be able to use them. */
    public synchronized void afresh() {
        useless = false;
    }

    /** The guest cannot use them, and will not learn it. */
    synchronized void areUseless() {
        useless = true;
    }
}
