package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.Flow;
import dev.agentvm.network.Verdict;
import java.util.Optional;

/** Says what the policy of a VM says. Safe for use by many threads. */
public interface Judge {
    /** What the policy that is in force now says of a flow; empty if it is not known. */
    Optional<Verdict> judge(Flow flow);

    /** What is in force now, which another object stands for after each change; empty while it is being changed. */
    Optional<Object> version();
}
