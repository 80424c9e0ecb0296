package dev.agentvm.event;

import java.time.Instant;
import java.util.UUID;
import org.immutables.value.Value;

/**
 * Something that happened to a VM, or that it did. All of them are immutable and made by nested builders; those who
 * handle them must expect that later versions add more kinds.
 *
 * <p>What comes from a guest, such as a name that it asked for or the arguments of a command, is the guest's own word:
 * it may be chosen to mislead whoever reads it, and must be escaped for where it is shown.
 */
public sealed interface VMEvent
        permits LaunchStarted,
                VMLaunched,
                LaunchFailed,
                VMRestored,
                VMPaused,
                VMResumed,
                VMClosed,
                VMDied,
                ConnectionAttempted,
                ConnectionClosed,
                NameResolved,
                TrafficSampled,
                PolicyChanged,
                CommandEnded,
                AnomalyDetected,
                ResponseTaken,
                ObservationLimited,
                EventsLost {
    /** Unlike that of any other event; a random one if not said. */
    @Value.Default
    default UUID id() {
        return UUID.randomUUID();
    }

    /** When it happened, or was noticed, by the host's clock. */
    Instant time();

    /** The VM. */
    VMIdentity vm();
}
