package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.Flow;
import dev.agentvm.network.Verdict;
import java.util.Optional;

/** Knows the policy of a VM. */
@FunctionalInterface
public interface Judge {
    /** What the policy that is in force now says, or empty if it is not known. */
    Optional<Verdict> judge(Flow flow);
}
