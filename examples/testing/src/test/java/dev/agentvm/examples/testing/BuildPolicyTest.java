package dev.agentvm.examples.testing;

import static dev.agentvm.network.Flow.tcp;
import static dev.agentvm.network.Flow.tcpToVM;
import static dev.agentvm.testkit.assertions.AgentVMAssertions.assertThat;

import org.junit.jupiter.api.Test;

class BuildPolicyTest {
    @Test
    void policy_ofBuilds_isHttpsAlone() {
        assertThat(BuildHarness.policy())
                .allows(tcp("93.184.216.34", 443), tcp("example.com", 443))
                .denies(tcp("example.com", 22), tcp("10.0.0.1", 443), tcpToVM("93.184.216.34", 22))
                .drops(tcp("169.254.169.254", 80))
                .opensNothingPrivate();
    }
}
