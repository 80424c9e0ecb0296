package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.HostAddresses;
import dev.agentvm.libvirt.internal.network.PolicyEnforcer;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.network.Verdict;
import dev.agentvm.spi.VMEventSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The policy of one VM, and the state of the host that it was put in force for. Changes are made one after the other, and
 * none after {@link #retire}, because it would make anew what is being removed. Safe for use by many threads.
 */
final class PolicyInForce {
    private static final Logger LOG = LoggerFactory.getLogger(PolicyInForce.class);

    private final Networking networking;
    private final DomainRef domain;
    private final ReentrantLock changes = new ReentrantLock();

    /** Written under {@link #changes}, read by anybody. */
    private volatile State state;

    private volatile boolean retired;

    /**
     * What is in force.
     *
     * @param policy empty if it is not known
     * @param denied how it denies; empty if that is uncertain, because a change failed half-way
     * @param judged the policy as it denies on this host
     */
    private record State(
            Attached attached,
            Optional<NetworkPolicy> policy,
            Optional<DenyAction> denied,
            Optional<NetworkPolicy> judged,
            List<String> warnings) {}

    private PolicyInForce(Networking networking, DomainRef domain, State state) {
        this.networking = networking;
        this.domain = domain;
        this.state = state;
    }

    /** A policy that was just put in force. */
    static PolicyInForce of(
            Networking networking,
            DomainRef domain,
            Attached attached,
            NetworkPolicy policy,
            PolicyEnforcer.Prepared prepared) {
        return new PolicyInForce(networking, domain, state(attached, policy, prepared));
    }

    /** One that another program put in force. */
    static PolicyInForce unknown(Networking networking, DomainRef domain, Attached attached) {
        return new PolicyInForce(networking, domain, unknown(attached, List.of()));
    }

    private static State unknown(Attached attached, List<String> warnings) {
        return new State(attached, Optional.empty(), Optional.empty(), Optional.empty(), warnings);
    }

    private static State state(Attached attached, NetworkPolicy policy, PolicyEnforcer.Prepared prepared) {
        NetworkPolicy kept = attached.lease() == Attached.Lease.ENDED ? NetworkPolicy.none() : policy;
        return new State(
                attached,
                Optional.of(policy),
                Optional.of(prepared.denied()),
                Optional.of(denying(kept, prepared.denied())),
                prepared.warnings());
    }

    /** Where the host cannot refuse, a policy that refuses drops, and counts no connections. */
    private static NetworkPolicy denying(NetworkPolicy policy, DenyAction denied) {
        return denied == policy.denied()
                ? policy
                : policy.toBuilder().noConnectionLimit().denied(denied).build();
    }

    Optional<NetworkPolicy> policy() {
        return state.policy();
    }

    /** What becomes of a flow by the policy as it is in force now; empty if that is not known. */
    Optional<Verdict> judge(Flow flow) {
        State now = state;
        return now.judged().map(policy -> policy.evaluate(flow, now.attached().vm()));
    }

    /** What stands for the policy that is in force; empty while it is being changed, and once it is being removed. */
    Optional<Object> version() {
        State now = state;
        return retired || now.denied().isEmpty()
                ? Optional.empty()
                : now.judged().map(policy -> now);
    }

    NetworkAttachment attachment() {
        return state.attached().vm();
    }

    List<String> warnings() {
        return state.warnings();
    }

    /** Puts another policy in force, and tells of it. */
    void set(NetworkPolicy policy, VMEventSource events) {
        changes.lock();
        try {
            if (retired) {
                throw gone();
            }
            Optional<NetworkPolicy> before = state.policy();
            apply(policy, now(networking.hostAddresses()));
            events.policyChanged(before, policy);
        } finally {
            changes.unlock();
        }
    }

    /**
     * Puts the same policy in force for the host as it is now, if it has changed. Does not wait for who is changing it,
     * which may take as long as a restore: the next look comes soon.
     *
     * @param seen the host's addresses of a moment ago, which many VMs are compared with
     * @return whether it had
     */
    boolean refresh(HostAddresses seen) {
        if (!changes.tryLock()) {
            return false;
        }
        try {
            if (retired || state.policy().isEmpty()) {
                return false;
            }
            NetworkPolicy policy = state.policy().get();
            if (isFor(policy, now(seen))) {
                return false;
            }
            // What is in force may be newer than what was seen.
            Attached now = now(networking.hostAddresses());
            if (isFor(policy, now)) {
                return false;
            }
            if (now.lease() == Attached.Lease.ENDED) {
                // libvirt itself lets nothing pass but DHCP then. A filter that is defined while it does so may undo
                // that.
                state = unaddressed(networking.expected(domain.uuid(), policy, now));
                return false;
            }
            if (state.denied().isPresent() && !isInForce(policy)) {
                return false;
            }
            apply(policy, now);
            return true;
        } finally {
            changes.unlock();
        }
    }

    /** The policy is defined as before, and is in force again with a lease. */
    private State unaddressed(PolicyEnforcer.Prepared prepared) {
        return new State(
                state.attached(),
                state.policy(),
                state.denied(),
                Optional.of(denying(NetworkPolicy.none(), prepared.denied())),
                prepared.warnings());
    }

    private Attached now(HostAddresses hostAddresses) {
        return networking.now(state.attached(), hostAddresses);
    }

    /** Whether what is in force is what would be put in force for that host. */
    private boolean isFor(NetworkPolicy policy, Attached attached) {
        return state.equals(state(attached, policy, networking.expected(domain.uuid(), policy, attached)));
    }

    private boolean isInForce(NetworkPolicy policy) {
        try {
            networking.verify(domain.uuid(), policy, state.attached());
            return true;
        } catch (HostNotReadyException e) {
            State lost = lost(List.of(String.valueOf(e.getMessage())));
            if (!lost.equals(state)) {
                LOG.warn("the policy of {} is left as it is: {}", domain.name(), e.getMessage());
                state = lost;
            }
            return false;
        }
    }

    /** Who has set another filter keeps that up from now on; where there is none, each look sees whether there is again. */
    private State lost(List<String> warnings) {
        return networking.isFiltered(domain.uuid())
                ? unknown(state.attached(), warnings)
                : new State(state.attached(), state.policy(), state.denied(), Optional.empty(), warnings);
    }

    private void apply(NetworkPolicy policy, Attached attached) {
        State before = state;
        state = new State(before.attached(), before.policy(), Optional.empty(), before.judged(), before.warnings());
        try {
            PolicyEnforcer.Prepared prepared = networking.update(domain.uuid(), policy, attached);
            networking.verify(domain.uuid(), policy, attached);
            state = state(attached, policy, prepared);
        } catch (RuntimeException e) {
            putBack(before, e);
            throw e;
        }
    }

    /** A call that failed may have been carried out all the same; where this fails too, the next look tries again. */
    private void putBack(State before, RuntimeException failure) {
        try {
            // A VM that has just ended has no tap; then the change has made its filter anew.
            if (networking.removeIfGone(domain)) {
                retired = true;
            } else if (before.policy().isPresent()) {
                NetworkPolicy policy = before.policy().get();
                PolicyEnforcer.Prepared prepared = networking.update(domain.uuid(), policy, before.attached());
                state = state(before.attached(), policy, prepared);
            }
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
        if (retired) {
            throw gone();
        }
    }

    /** Runs {@code work} while nothing is changed; who would change something waits. */
    void whileUnchanged(Runnable work) {
        changes.lock();
        try {
            work.run();
        } finally {
            changes.unlock();
        }
    }

    /**
     * Finds the policy in force on the VM's tap, before it runs.
     *
     * @throws HostNotReadyException if it is not, or if it is not known
     */
    void verify() {
        NetworkPolicy policy = state.policy()
                .orElseThrow(() -> new HostNotReadyException(
                        "Another program has changed the policy of '" + domain.name()
                                + "'; set one with setNetworkPolicy(…)",
                        FailureContext.of("verify network policy").vm(domain.name())));
        networking.verify(domain.uuid(), policy, state.attached());
        Attached now = now(networking.hostAddresses());
        if (now.lease() == Attached.Lease.ENDED) {
            // To a new domain libvirt applies the filter as it is defined, whatever became of the lease.
            apply(policy, now);
        }
    }

    /** The VM is about to be removed; returns when no change is under way. */
    void retire() {
        changes.lock();
        try {
            retired = true;
        } finally {
            changes.unlock();
        }
    }

    private VMDestroyedException gone() {
        return new VMDestroyedException(
                "The VM '" + domain.name() + "' is gone",
                FailureContext.of("change the network policy").vm(domain.name()));
    }
}
