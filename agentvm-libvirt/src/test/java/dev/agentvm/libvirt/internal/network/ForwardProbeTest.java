package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.connection.LibvirtVersion;
import dev.agentvm.libvirt.internal.network.Finding.Severity;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.NetworkPolicy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForwardProbeTest {
    private static final String CONF = "/etc/libvirt/network.conf";
    private static final String IPTABLES = "iptables -w 1 -S";
    private static final String CHAINS = "nft list chains";
    private static final String DROP = "-P FORWARD DROP\n";
    private static final String ANSWERS =
            "-A FORWARD -o agentvm0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";
    private static final String NETWORK_TABLE = """
            table ip libvirt_network {
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy accept;
            \t}
            }
            """;
    private static final NetworkPolicy REJECTING = NetworkPolicy.agentDefault();
    private static final NetworkPolicy DROPPING =
            REJECTING.toBuilder().denied(DenyAction.DROP).build();

    private final PretendHost host = new PretendHost();
    private LibvirtVersion version = new LibvirtVersion(11, 3, 0);

    private ForwardProbe probe() {
        return new ForwardProbe(host, version, "agentvm0", NftChains.of(host));
    }

    private Finding policy() {
        return probe().policy(REJECTING);
    }

    private Severity severity() {
        return policy().severity();
    }

    private void nftables() {
        host.files.put(CONF, "firewall_backend = 'nftables'");
    }

    private void rules(String rules) {
        host.commands.put(IPTABLES, rules);
    }

    @Test
    void policy_nftablesUnderDroppingForward_isFatal() {
        nftables();
        rules(DROP + "-N DOCKER\n-A FORWARD -o docker0 -j DOCKER\n");

        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.remedy()).contains("firewall_backend", "-I FORWARD -o agentvm0 -m conntrack");
        });
        rules("-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n");
        assertThat(severity()).isEqualTo(Severity.FATAL);
        rules("-P FORWARD ACCEPT\n");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @Test
    void policy_iptablesUnderDroppingForward_isGood() {
        rules(DROP);
        host.files.put(CONF, "# firewall_backend = \"nftables\"\nfirewall_backend = \"iptables\"\n");
        assertThat(severity()).isEqualTo(Severity.OK);
        host.files.clear();
        version = new LibvirtVersion(10, 3, 0);
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A FORWARD -j DROP",
                "-A FORWARD -m comment --comment \"nobody\" -j REJECT --reject-with icmp-port-unreachable",
                "-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j DROP"
            })
    void policy_refusalBeforeTheRulesOfLibvirt_isFatal(String refusal) {
        String libvirt = "-N LIBVIRT_FWI\n-A FORWARD -j LIBVIRT_FWI\n";
        String rule = refusal.substring(refusal.lastIndexOf("-A "));
        version = new LibvirtVersion(9, 0, 0);

        rules(refusal + "\n" + libvirt);
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).contains("'" + rule + "' stands before");
            assertThat(found.remedy()).startsWith(rule.replace("-A", "iptables -D") + ",");
        });
        rules(ANSWERS + "-A FORWARD -i agentvm0 -j ACCEPT\n" + refusal + "\n" + libvirt);
        assertThat(severity()).isEqualTo(Severity.OK);
        rules(libvirt + refusal + "\n");
        assertThat(severity()).isEqualTo(Severity.OK);
        rules(refusal + "\n");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @Test
    void policy_backendThatNothingSays_isTakenForNftables() {
        rules(DROP);
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).contains("may use nftables");
        });
    }

    @Test
    void policy_backendThatOnlyCommentRulesOrTablesTell_isKnown() {
        rules(DROP);
        host.files.put(CONF, "#firewall_backend = \"iptables\"");
        assertThat(severity()).isEqualTo(Severity.OK);
        host.files.put(CONF, "#firewall_backend = \"nftables\"");
        assertThat(severity()).isEqualTo(Severity.FATAL);

        rules(DROP + "-N LIBVIRT_FWI\n-A LIBVIRT_FWI -o virbr0 -j REJECT\n");
        assertThat(severity()).isEqualTo(Severity.OK);
        host.commands.put(CHAINS, NETWORK_TABLE);
        assertThat(severity()).isEqualTo(Severity.FATAL);

        host.missing.add("nft");
        rules(DROP);
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A FORWARD -o agentvm0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
                "-A FORWARD -o agentvm0 -m comment --comment \"let VMs be\" -j ACCEPT",
                "-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -o agentvm0 -j ACCEPT",
                "-N ufw-before-forward\n-A FORWARD -j ufw-before-forward\n"
                        + "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
            })
    void policy_answersAcceptedWhereAllGoesThrough_areGood(String rules) {
        nftables();
        rules(DROP + rules + "\n");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-N LIBVIRT_FWI\n-A LIBVIRT_FWI -o agentvm0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-N LIBVIRT_FWI\n-A FORWARD -j LIBVIRT_FWI\n-A LIBVIRT_FWI -o agentvm0 -j ACCEPT",
                "-N OTHERS\n-A FORWARD -s 10.0.0.0/8 -j OTHERS\n-A OTHERS -o agentvm0 -j ACCEPT",
                "-A FORWARD -s 10.0.0.0/8 -o agentvm0 -j ACCEPT",
                "-A FORWARD -o agentvm01 -j ACCEPT",
                "-A INPUT -j ACCEPT",
                "-A FORWARD -j DROP\n-A FORWARD -o agentvm0 -j ACCEPT"
            })
    void policy_answersAcceptedElsewhereOrForOthers_areStillDropped(String rules) {
        nftables();
        rules(DROP + rules + "\n");
        assertThat(severity()).isEqualTo(Severity.FATAL);
    }

    /** libvirt's filters accept what a VM begins only where they have rules in iptables. */
    @Test
    void policy_noLayer3_needsMoreThanAnswers() {
        nftables();
        rules(DROP + ANSWERS);
        assertThat(probe().policy(REJECTING).severity()).isEqualTo(Severity.OK);
        assertThat(probe().policy(DROPPING)).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.remedy()).endsWith("; iptables -A FORWARD -i agentvm0 -j ACCEPT");
        });
        rules(DROP + ANSWERS + "-A FORWARD -i agentvm0 -j ACCEPT\n");
        assertThat(probe().policy(DROPPING).severity()).isEqualTo(Severity.OK);

        rules(DROP + ANSWERS);
        host.files.put(NwfilterEnforcer.BRIDGE_NF, "0");
        assertThat(probe().policy(REJECTING).severity()).isEqualTo(Severity.FATAL);
    }

    @Test
    void policy_rulesThatCannotBeSeen_areWarnedOf() {
        nftables();
        host.commands.clear();
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("use nftables", "FORWARD", "could not be seen", "root");
            assertThat(found.remedy()).contains("sudo iptables -S FORWARD");
        });
        version = new LibvirtVersion(9, 0, 0);
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("a table of nftables", "could not be seen");
        });
        host.missing.add("nft");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    private void table(String family, String policy, String rules) {
        String chain = "table " + family
                + " guard {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy " + policy + ";\n";
        host.commands.put(CHAINS, NETWORK_TABLE + chain + "\t}\n}\n");
        host.commands.put("nft list chain " + family + " guard forward", chain + rules + "\t}\n}\n");
    }

    @Test
    void policy_tableThatDrops_isFatalOrWarnedOfUnlessItNamesTheBridge() {
        version = new LibvirtVersion(9, 0, 0);
        table("inet", "drop", "");
        assertThat(policy()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).contains("'inet guard forward'", "does not name agentvm0");
            assertThat(found.remedy()).contains("nft insert rule inet guard forward oifname agentvm0 ct state");
        });
        table("ip", "drop", "\t\tct state established,related accept\n");
        assertThat(severity()).isEqualTo(Severity.WARNING);
        host.commands.remove("nft list chain ip guard forward");
        assertThat(severity()).isEqualTo(Severity.WARNING);
        table("inet", "drop", "\t\tiifname \"agentvm0\" accept\n");
        assertThat(severity()).isEqualTo(Severity.OK);
        table("inet", "accept", "");
        assertThat(severity()).isEqualTo(Severity.OK);
        table("ip6", "drop", "");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    private Finding bridged(boolean learnt) {
        return new ForwardProbe(host, version, "br0", NftChains.of(host)).bridged(learnt);
    }

    @Test
    void bridged_droppingForward_isFatalUntilItAcceptsWhatIsBridged() {
        rules(DROP + "-N DOCKER\n-A FORWARD -o docker0 -j DOCKER\n");
        assertThat(bridged(true)).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.id()).isEqualTo("forward-policy");
            assertThat(found.evidence()).contains("bridged packets too", "'br0'");
            assertThat(found.remedy()).isEqualTo("iptables -A FORWARD -i br0 -o br0 -j ACCEPT");
        });
        assertThat(bridged(false).severity()).isEqualTo(Severity.FATAL);
        rules(DROP + "-A FORWARD -i br0 -o br0 -j ACCEPT\n");
        assertThat(bridged(true).severity()).isEqualTo(Severity.OK);
        assertThat(bridged(false).severity()).isEqualTo(Severity.OK);
        rules("-P FORWARD ACCEPT\n");
        assertThat(bridged(true).severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A FORWARD -m comment --comment \"the last\" -j REJECT --reject-with icmp-host-prohibited",
                "-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j DROP"
            })
    void bridged_ruleThatRefusesAll_isFatalUntilTheAcceptStandsBeforeIt(String refusal) {
        String rule = refusal.substring(refusal.lastIndexOf("-A "));
        String accept = rule.substring(0, rule.indexOf(' ', 3)) + " -i br0 -o br0 -j ACCEPT";

        rules("-P FORWARD ACCEPT\n" + refusal + "\n" + accept + "\n");
        assertThat(bridged(true)).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.remedy())
                    .isEqualTo(rule.replace("-A", "iptables -D") + "; iptables " + accept + "; iptables " + rule);
        });
        rules("-P FORWARD ACCEPT\n" + refusal.replace(rule, accept + "\n" + rule) + "\n");
        assertThat(bridged(true).severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-m physdev --physdev-is-bridged -j ACCEPT",
                "-i br0 -j ACCEPT",
                "-o br0 -m physdev  --physdev-is-bridged -j ACCEPT",
                "-j ACCEPT"
            })
    void bridged_otherWaysToAcceptIt_areGood(String accept) {
        rules(DROP + "-A FORWARD " + accept + "\n");
        assertThat(bridged(true).severity()).isEqualTo(Severity.OK);
    }

    /** libvirt's filter lets pass what the VM sends, and its DHCP, once it has an address. */
    @Test
    void bridged_answersAccepted_areEnoughForAnAddressThatIsSaid() {
        rules(DROP + "-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n");
        assertThat(bridged(false).severity()).isEqualTo(Severity.OK);
        assertThat(bridged(true).severity()).isEqualTo(Severity.FATAL);
        rules(DROP + "-A FORWARD -i eth0 -o br0 -j ACCEPT\n-A FORWARD -i br1 -o br1 -j ACCEPT\n");
        assertThat(bridged(false).severity()).isEqualTo(Severity.FATAL);
    }

    @Test
    void bridged_tableThatDrops_isFatal() {
        table("inet", "drop", "");
        assertThat(bridged(true)).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.remedy()).isEqualTo("nft insert rule inet guard forward iifname br0 oifname br0 accept");
        });
    }

    @Test
    void bridged_rulesThatCannotBeSeen_areWarnedOf() {
        host.commands.clear();
        assertThat(bridged(true)).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("drops what is bridged could not be seen", "root");
        });
    }

    /** nftables keeps the rules of iptables in a table of its own. */
    @Test
    void policy_forwardOfIptablesAmongTheTables_isLeftToIptables() {
        host.files.put(CONF, "firewall_backend = \"iptables\"");
        host.commands.put(
                CHAINS,
                "table ip filter {\n\tchain FORWARD {\n"
                        + "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n");
        assertThat(severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A FORWARD -j ACCEPT",
                "-A FORWARD -o agentvm0 -j ACCEPT",
                "-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j ACCEPT"
            })
    void connections_acceptBeforeTheRulesOfLibvirt_isWarnedOf(String accept) {
        String libvirt = "-N LIBVIRT_FWI\n-A FORWARD -j LIBVIRT_FWX\n-A FORWARD -j LIBVIRT_FWI\n";
        String start = "-P FORWARD ACCEPT\n-A FORWARD -j libvirt-in\n";
        String rule = accept.substring(accept.lastIndexOf("-A "));
        version = new LibvirtVersion(9, 0, 0);

        rules(start + accept + "\n" + libvirt);
        assertThat(probe().connections()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("'" + rule + "' stands before");
            assertThat(found.remedy()).startsWith(rule.replace("-A", "iptables -D") + ",");
        });
        rules(start + libvirt + accept + "\n");
        assertThat(probe().connections().severity()).isEqualTo(Severity.OK);
        rules(start + accept + "\n");
        assertThat(probe().connections().severity()).isEqualTo(Severity.OK);
    }

    @Test
    void connections_answersOrOthersAccepted_areGood() {
        rules(ANSWERS + "-A FORWARD -o docker0 -j ACCEPT\n-N LIBVIRT_FWI\n-A FORWARD -j LIBVIRT_FWI\n");
        assertThat(probe().connections().severity()).isEqualTo(Severity.OK);
    }

    @Test
    void connections_rulesThatCannotBeSeen_areWarnedOfUnlessNftablesMakesThem() {
        host.commands.clear();
        assertThat(probe().connections()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("could not be seen", "root");
        });
        nftables();
        assertThat(probe().connections().severity()).isEqualTo(Severity.OK);
    }
}
