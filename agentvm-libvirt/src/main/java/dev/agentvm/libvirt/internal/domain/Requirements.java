package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkMode;
import java.util.List;

/** What templates need of their host. */
final class Requirements {
    /**
     * Checks the host.
     *
     * @param warnings gets the promises that the host keeps in a weaker form
     * @throws HostNotReadyException if it cannot keep one at all
     */
    void check(VMTemplate template, List<String> warnings) {
        if (template.networkMode() instanceof NetworkMode.Bridge) {
            throw new HostNotReadyException(
                    "Bridge mode is not available yet; use NAT_FILTERED or ISOLATED",
                    FailureContext.of("check the host").vm(template.name()));
        }
    }

    /** What can be kept of the template's limit. */
    BandwidthLimit bandwidth(VMTemplate template, List<String> warnings) {
        return BandwidthLimit.unlimited();
    }
}
