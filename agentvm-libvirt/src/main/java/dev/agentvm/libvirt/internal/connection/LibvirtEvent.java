package dev.agentvm.libvirt.internal.connection;

/** Something that libvirt, or the connection to it, reports. */
public sealed interface LibvirtEvent {
    /**
     * A domain's lifecycle ({@code VIR_DOMAIN_EVENT_ID_LIFECYCLE}).
     *
     * @param detail libvirt's number for the detail; its meaning depends on the type
     */
    record DomainLifecycle(DomainRef domain, LifecycleType type, int detail) implements LibvirtEvent {
        /** The detail in words. */
        public String detailText() {
            return type.detailText(detail);
        }
    }

    /** A guest agent's ({@code VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE}): whether the guest has its channel open. */
    record AgentLifecycle(DomainRef domain, boolean connected, AgentReason reason) implements LibvirtEvent {}

    /**
     * The connection that owns the domains is lost. Events may be missed from here to {@link ConnectionRegained};
     * domains created with {@link CreateFlag#AUTODESTROY} end with it, unless libvirtd crashed.
     */
    record ConnectionLost(String reason) implements LibvirtEvent {}

    /** A new connection is open and its events are on. What happened between must be asked for. */
    record ConnectionRegained() implements LibvirtEvent {}

    /** The lost connection was not regained in the time given; the next call tries again. */
    record ConnectionGivenUp(String reason) implements LibvirtEvent {}

    /** Why an agent's channel changed, {@code virConnectDomainEventAgentLifecycleReason} in libvirt. */
    enum AgentReason {
        /** Not said. */
        UNKNOWN,
        /** The domain started. */
        DOMAIN_STARTED,
        /** The guest opened or closed the channel. */
        CHANNEL;

        static AgentReason of(int number) {
            return number == 1 ? DOMAIN_STARTED : number == 2 ? CHANNEL : UNKNOWN;
        }
    }

    /** {@code virDomainEventType} in libvirt, in its order. */
    enum LifecycleType {
        /** Defined. */
        DEFINED,
        /** Undefined. */
        UNDEFINED,
        /** Started. */
        STARTED("booted", "migrated", "restored", "from snapshot", "wakeup"),
        /** Paused. */
        SUSPENDED,
        /** Running again. */
        RESUMED,
        /** Ended. */
        STOPPED("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot"),
        /** Its guest finished shutting down. */
        SHUTDOWN("finished", "by guest", "by host"),
        /** Suspended by the guest's power management. */
        PMSUSPENDED,
        /** Its guest crashed. */
        CRASHED("panicked", "crashloaded"),
        /** A type that this library does not know. */
        UNKNOWN;

        private final String[] details;

        LifecycleType(String... details) {
            this.details = details;
        }

        String detailText(int detail) {
            return detail >= 0 && detail < details.length ? details[detail] : "detail " + detail;
        }

        static LifecycleType of(int number) {
            return number >= 0 && number < UNKNOWN.ordinal() ? values()[number] : UNKNOWN;
        }
    }
}
