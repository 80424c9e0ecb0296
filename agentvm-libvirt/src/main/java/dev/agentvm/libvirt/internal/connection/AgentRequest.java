package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A guest-agent call, where it is made, and what became of it. */
final class AgentRequest {
    /** What an agent is asked. */
    interface Question {
        /**
         * Asks it.
         *
         * @param sent to be run when libvirtd has just shown that it is there, and only the question itself is on its way
         */
        String ask(ManagedConnection connection, Runnable sent);
    }

    /** libvirt rounds: a second that it waited may be a little less. */
    private static final Duration AT_ONCE = AgentPool.SILENCE.dividedBy(2);

    private final Timing timing;
    private final Question ping;
    private final Question body;
    private final PendingCall<String> call;
    private volatile @Nullable ManagedConnection connection;
    private volatile long begun;
    private volatile @Nullable Long sent;
    private volatile boolean unanswered;
    /** The agent that it waits for is gone: its silence says nothing of the next one. */
    private volatile boolean outdated;

    AgentRequest(Timing timing, Question ping, Question body, Consumer<String> late) {
        this.timing = timing;
        this.ping = ping;
        this.body = body;
        this.call = new PendingCall<>(this::make, late);
    }

    PendingCall<String> call() {
        return call;
    }

    /** It has a place now. */
    void begin(ManagedConnection over) {
        connection = over;
        begun = timing.nanos();
        sent = null;
        outdated = false;
    }

    /** For how long it has held its place. */
    Duration age() {
        return Duration.ofNanos(timing.nanos() - begun);
    }

    /** For how long libvirtd may still be about to give it to a worker; one that holds up even that is not waited for. */
    Duration unsettled() {
        Long at = sent;
        return at == null
                ? AgentPool.SILENCE.minus(age())
                : AgentPool.APART.minus(Duration.ofNanos(timing.nanos() - at));
    }

    void outdate() {
        outdated = true;
    }

    boolean outdated() {
        return outdated;
    }

    /** Whether libvirt gave up waiting for the agent, in the call or in the ping before it. */
    boolean unanswered() {
        return unanswered;
    }

    /** Makes the call, unless its caller has given up. */
    void run() {
        call.run();
    }

    /** Whether the agent answers at all. */
    boolean ping() {
        try {
            ask(ping);
            return true;
        } catch (LibvirtError e) {
            // Whatever else it is, the call will meet it as well.
            return !unanswered;
        } catch (RuntimeException e) {
            call.fail(e);
            return true;
        }
    }

    private String make() {
        return ask(body);
    }

    private String ask(Question question) {
        ManagedConnection over = connection;
        if (over == null) {
            throw new IllegalStateException("has no place");
        }
        unanswered = false;
        long asked = timing.nanos();
        try {
            return question.ask(over, () -> sent = timing.nanos());
        } catch (LibvirtError e) {
            unanswered = silence(e, Duration.ofNanos(timing.nanos() - asked));
            throw e;
        }
    }

    /** What comes at once is libvirt's own refusal: nobody waited for the guest. */
    private static boolean silence(LibvirtError e, Duration waited) {
        return e.is(ErrorCode.AGENT_COMMAND_TIMEOUT)
                || (e.is(ErrorCode.AGENT_UNRESPONSIVE, ErrorCode.AGENT_UNSYNCED) && waited.compareTo(AT_ONCE) > 0);
    }
}
