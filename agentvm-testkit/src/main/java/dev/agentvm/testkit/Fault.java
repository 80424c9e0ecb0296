package dev.agentvm.testkit;

import dev.agentvm.LaunchStep;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What can go wrong with a fake, as it does with a real host. */
public enum Fault {
    /** The hypervisor cannot be reached: {@link dev.agentvm.HypervisorUnavailableException}. */
    HOST_UNREACHABLE(LaunchStep.HOST_CHECKED),
    /** The host cannot keep the template's promises: {@link dev.agentvm.HostNotReadyException}. */
    HOST_NOT_READY(LaunchStep.HOST_CHECKED),
    /** There is no such image: {@link dev.agentvm.ImageNotFoundException}. */
    IMAGE_MISSING(LaunchStep.HOST_CHECKED),
    /** Something else uses the network's addresses: {@link dev.agentvm.HostNotReadyException}. */
    SUBNET_TAKEN(LaunchStep.NETWORK_READY),
    /** No address is free: {@link dev.agentvm.HostNotReadyException}, worth a retry. */
    ADDRESSES_USED_UP(LaunchStep.ADDRESS_RESERVED),
    /** The host's disk is full: {@link dev.agentvm.AgentVMException}. */
    DISK_FULL(LaunchStep.DISK_MADE),
    /** The host refuses the filter: {@link dev.agentvm.AgentVMException}. */
    FILTER_REFUSED(LaunchStep.POLICY_DEFINED),
    /** The host refuses the domain: {@link dev.agentvm.AgentVMException}. */
    DOMAIN_REFUSED(LaunchStep.DOMAIN_CREATED),
    /** The filter is not found in force: {@link dev.agentvm.HostNotReadyException}. */
    POLICY_NOT_IN_FORCE(LaunchStep.POLICY_VERIFIED),
    /** The connection to the hypervisor is lost: {@link dev.agentvm.HypervisorUnavailableException}, worth a retry. */
    CONNECTION_LOST(LaunchStep.RESUMED),
    /** The guest agent never answers: {@link dev.agentvm.OperationTimeoutException} when the launch's time is over. */
    AGENT_NEVER_ANSWERS(LaunchStep.AGENT_READY),
    /** The guest ends while it boots: {@link dev.agentvm.VMDestroyedException}. */
    GUEST_PANICS(LaunchStep.AGENT_READY),

    /** A command does not end: {@link dev.agentvm.CommandTimeoutException} when its time is over. */
    COMMAND_HANGS(null),
    /** The guest agent is silent: {@link dev.agentvm.GuestAgentException} after a minute, worth a retry. */
    AGENT_FALLS_SILENT(null),
    /** The guest has no room for the command's output: {@link dev.agentvm.GuestAgentException}. */
    GUEST_DISK_FULL(null),
    /** The connection is lost during a command: {@link dev.agentvm.HypervisorUnavailableException}, worth a retry. */
    CONNECTION_LOST_DURING_COMMAND(null),
    /** The VM ends during a command: {@link dev.agentvm.VMDestroyedException}. */
    GUEST_DIES(null),

    /**
     * A VM is put back to an earlier state, by a restore or a reset, and its guest does not answer any more:
     * {@link dev.agentvm.GuestAgentException}, and the VM is destroyed.
     */
    RESTORE_FAILS(Place.RESTORE, null);

    /** Where it happens. */
    enum Place {
        LAUNCH,
        COMMAND,
        RESTORE
    }

    private final Place place;
    private final @Nullable LaunchStep step;

    Fault(@Nullable LaunchStep step) {
        this(step == null ? Place.COMMAND : Place.LAUNCH, step);
    }

    Fault(Place place, @Nullable LaunchStep step) {
        this.place = place;
        this.step = step;
    }

    /** The step of a launch that it makes fail; empty if it makes something else fail. */
    public Optional<LaunchStep> step() {
        return Optional.ofNullable(step);
    }

    static List<Fault> at(Place place) {
        return Arrays.stream(values()).filter(fault -> fault.place == place).toList();
    }
}
