package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.network.Finding.Severity;
import dev.agentvm.network.NetworkPolicy;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The rules and tables of a real host; only the version of libvirt is not the lab's. */
class ForwardProbeIT {
    private static final LibvirtVersion VERSION = new LibvirtVersion(11, 3, 0);

    private static Finding policy() {
        HostView host = HostView.local();
        return new ForwardProbe(host, VERSION, "agentvm0", NftChains.of(host)).policy(NetworkPolicy.agentDefault());
    }

    private static void sh(String line) {
        assertThat(HostView.local().run("sh", "-ec", line)).as(line).isPresent();
    }

    @AfterEach
    void asBefore() {
        sh("iptables -P FORWARD ACCEPT; iptables -F DOCKER-USER; iptables -D FORWARD -j DOCKER-USER;"
                + " iptables -X DOCKER-USER; nft delete table ip libvirt_network");
    }

    @Test
    void policy_nftablesUnderDroppingForward_isFatalUntilARuleAcceptsAnswers() {
        sh("nft add table ip libvirt_network;"
                + " nft 'add chain ip libvirt_network forward { type filter hook forward priority 0; policy accept; }';"
                + " iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; iptables -P FORWARD DROP");
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).contains("use nftables", "FORWARD in iptables drops");
        });

        sh("iptables -A DOCKER-USER -o agentvm0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
        assertThat(policy().severity()).isEqualTo(Severity.OK);

        sh("iptables -F DOCKER-USER; iptables -P FORWARD ACCEPT");
        assertThat(policy().severity()).isEqualTo(Severity.OK);
    }
}
