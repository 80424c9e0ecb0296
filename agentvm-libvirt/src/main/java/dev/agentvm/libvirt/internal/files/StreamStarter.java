package dev.agentvm.libvirt.internal.files;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMRestoredException;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts programs whose input or output is much: through a port if one is free and the guest can use it, else by the
 * streams of a started command, which any guest has. Safe for use by many threads.
 */
final class StreamStarter {
    private static final Logger LOG = LoggerFactory.getLogger(StreamStarter.class);
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int RANDOM_BYTES = 16;
    /** So that what has no time left fails by its timeout, as any command does. */
    private static final Duration LEAST_TIME = Duration.ofSeconds(1);

    private final Function<Command, VMProcess> start;
    private final Ports ports;
    private final Duration patience;

    /**
     * What starts programs of one VM.
     *
     * @param start starts a command, as {@link dev.agentvm.VM#start}
     * @param patience how long no byte may move through a port
     */
    StreamStarter(Function<Command, VMProcess> start, Ports ports, Duration patience) {
        this.start = start;
        this.ports = ports;
        this.patience = patience;
    }

    private enum Direction {
        IN,
        OUT
    }

    /** Starts a shell's command to write its input. */
    GuestStream in(Command work, Trouble trouble) {
        return stream(work, Direction.IN, trouble);
    }

    /** Starts a shell's command to read its output. */
    GuestStream out(Command work, Trouble trouble) {
        return stream(work, Direction.OUT, trouble);
    }

    private GuestStream stream(Command work, Direction direction, Trouble trouble) {
        Optional<Port> port = ports.take();
        if (port.isEmpty()) {
            return new GuestStream(started(work, trouble), trouble);
        }
        long begin = System.nanoTime();
        Optional<GuestStream> stream = through(port.get(), work, direction, trouble);
        if (stream.isPresent()) {
            return stream.get();
        }
        Duration left = work.timeout().minusNanos(System.nanoTime() - begin);
        Command again = work.withTimeout(left.compareTo(LEAST_TIME) < 0 ? LEAST_TIME : left);
        return new GuestStream(started(again, trouble), trouble);
    }

    private Optional<GuestStream> through(Port port, Command work, Direction direction, Trouble trouble) {
        byte[] random = new byte[RANDOM_BYTES];
        RANDOM.nextBytes(random);
        // Its first letter is nowhere else in it.
        String mark = "port-" + HexFormat.of().formatHex(random);
        Command command = direction == Direction.IN
                ? PortScripts.in(work, port.name(), mark)
                : PortScripts.out(work, port.name(), mark);
        VMProcess process;
        try {
            process = started(command, trouble);
        } catch (RuntimeException e) {
            port.close();
            throw e;
        }
        PortStream through = new PortStream(port, process, mark, patience, trouble);
        GuestStream stream = new GuestStream(process, through, trouble);
        boolean begun = false;
        try {
            if (!through.begin()) {
                if (through.isUseless()) {
                    LOG.debug("the guest of '{}' uses no port: {}", trouble.vmName(), stream.lastWords());
                    ports.areUseless();
                }
                return Optional.empty();
            }
            if (direction == Direction.IN) {
                stream.writeTo(through.input());
            } else {
                stream.readFrom(through.output());
            }
            begun = true;
            return Optional.of(stream);
        } catch (IOException e) {
            throw stream.unwritable(e);
        } finally {
            if (!begun) {
                stream.close();
            }
        }
    }

    private VMProcess started(Command command, Trouble trouble) {
        try {
            return start.apply(command);
        } catch (VMDestroyedException | VMRestoredException e) {
            throw e;
        } catch (AgentVMException e) {
            throw e.during(trouble.what());
        }
    }
}
