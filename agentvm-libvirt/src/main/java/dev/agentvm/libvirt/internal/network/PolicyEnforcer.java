package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.DenyAction;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkPolicy;
import java.util.List;
import java.util.UUID;

/**
 * Keeps VMs to their policies, by whatever means of the host. Safe for use by many threads.
 *
 * <p>The order of a launch: {@link #prepare} before the VM exists, {@link #verify} while it is paused before its first
 * instruction. {@link #update} while it runs; {@link #remove} when it is gone.
 */
public interface PolicyEnforcer {
    /**
     * A policy that is ready for a VM.
     *
     * @param filter the name of what the VM's network card must refer to
     * @param denied how denied traffic is really treated
     * @param warnings what is kept in a weaker form than the policy says, each with its reason
     */
    record Prepared(String filter, DenyAction denied, List<String> warnings) {
        /** Takes a copy. */
        public Prepared {
            warnings = List.copyOf(warnings);
        }
    }

    /** Makes the policy ready for a VM that does not exist yet. */
    Prepared prepare(UUID vm, NetworkPolicy policy, Attached attached);

    /**
     * Makes sure that the policy is in force on the VM's tap.
     *
     * @throws dev.agentvm.HostNotReadyException if it is not; the VM must not run then
     */
    void verify(UUID vm, String tap, NetworkPolicy policy, Attached attached);

    /** Whether anything at all filters that tap. */
    boolean isFiltered(String tap);

    /**
     * Makes ready a VM whose address is not known yet: it may ask for it by DHCP and nothing else. {@link #update} puts
     * the policy in force once the address is known.
     */
    Prepared prepareLearning(UUID vm, MacAddress mac);

    /**
     * Makes sure that the VM may do nothing but ask for its address.
     *
     * @throws dev.agentvm.HostNotReadyException if it may do more; the VM must not run then
     */
    void verifyLearning(UUID vm, String tap, MacAddress mac);

    /** What {@link #prepare} and {@link #update} make on the host as it is now, without making it. */
    Prepared expected(UUID vm, NetworkPolicy policy, Attached attached);

    /** Puts another policy, or the same one for another state of the host, in force for a running VM. */
    Prepared update(UUID vm, NetworkPolicy policy, Attached attached);

    /**
     * Removes what {@link #prepare} made.
     *
     * @return whether there was anything
     */
    boolean remove(UUID vm);
}
