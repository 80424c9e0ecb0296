package dev.agentvm.event;

import dev.agentvm.network.Flow;
import dev.agentvm.network.Verdict;
import java.time.Instant;
import java.util.Optional;

/**
 * A VM tried to communicate, or somebody else tried to communicate with it: the beginning of a TCP connection, the
 * first packet of an exchange by UDP or ICMP, and every other kind of frame that the policy denies, each once a minute
 * as long as it goes on.
 */
public sealed interface ConnectionAttempted extends VMEvent permits ConnectionAllowed, ConnectionDenied {
    /** What was tried. */
    Flow flow();

    /**
     * What the policy that was in force then says of it, with the rule or the clause of the floor that decided. It is
     * the policy's word, not an observation.
     */
    Verdict verdict();

    /** The name for which the VM last got the other's address as an answer; empty if that was not seen. */
    Optional<String> name();

    /** A {@link ConnectionAllowed} or {@link ConnectionDenied}, as {@code verdict} says. */
    static ConnectionAttempted of(Instant time, VMIdentity vm, Flow flow, Verdict verdict, Optional<String> name) {
        return verdict.allowed()
                ? new ConnectionAllowed.Builder()
                        .time(time)
                        .vm(vm)
                        .flow(flow)
                        .verdict(verdict)
                        .name(name)
                        .build()
                : new ConnectionDenied.Builder()
                        .time(time)
                        .vm(vm)
                        .flow(flow)
                        .verdict(verdict)
                        .name(name)
                        .build();
    }
}
