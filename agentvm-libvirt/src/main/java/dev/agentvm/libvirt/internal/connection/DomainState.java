package dev.agentvm.libvirt.internal.connection;

/**
 * What {@code virDomainGetState} says.
 *
 * @param state the state
 * @param reason libvirt's number for the reason; its meaning depends on the state
 */
public record DomainState(State state, int reason) {
    /** {@code virDomainState} in libvirt, in its order. */
    public enum State {
        /** None known. */
        NOSTATE,
        /** Running. */
        RUNNING,
        /** Blocked on a resource. */
        BLOCKED,
        /** Paused: by the user, at its start, by an I/O error, and so on. */
        PAUSED,
        /** Being shut down. */
        SHUTDOWN,
        /** Not running. */
        SHUTOFF,
        /** Crashed. */
        CRASHED,
        /** Suspended by the guest's power management. */
        PMSUSPENDED,
        /** A state that this library does not know. */
        UNKNOWN;

        static State of(int number) {
            State[] all = values();
            return number >= 0 && number < UNKNOWN.ordinal() ? all[number] : UNKNOWN;
        }
    }
}
