package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.network.Finding.Severity;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrackingProbeTest {
    private static final String RAW = "iptables -w 1 -t raw -S";
    private static final String POLICIES = "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n";

    private final PretendHost host = new PretendHost();

    private Finding check() {
        return new TrackingProbe(host, "br0", NftChains.of(host)).check(Severity.FATAL);
    }

    private void raw(String rules) {
        host.commands.put(RAW, POLICIES + rules + "\n");
    }

    @Test
    void check_noSuchRule_isGood() {
        assertThat(check().severity()).isEqualTo(Severity.OK);
        raw("-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP");
        assertThat(check().severity()).isEqualTo(Severity.OK);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A PREROUTING -j NOTRACK",
                "-A PREROUTING -i br0 -j NOTRACK",
                "-A PREROUTING -i br+ -p tcp -j CT --notrack",
                "-A PREROUTING ! -i eth0 -j CT --notrack",
                "-A CILIUM_PRE_raw -m mark --mark 0x200/0xf00 -j CT --notrack"
            })
    void check_ruleOfIptables_isFoundUntilTheRemedyStandsBeforeIt(String rule) {
        raw(rule);
        assertThat(check()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).startsWith("'" + rule + "' turns off connection tracking");
            assertThat(found.remedy()).isEqualTo("iptables -t raw -I PREROUTING -i br0 -j ACCEPT");
        });
        String remedy = "-A PREROUTING -i br1 -j ACCEPT\n-A PREROUTING -i br0 -j ACCEPT\n";
        raw(remedy + rule);
        assertThat(check().severity()).isEqualTo(Severity.OK);
        raw("-A PREROUTING -j CILIUM_PRE_raw\n" + rule + "\n" + remedy);
        assertThat(check().severity()).isEqualTo(Severity.FATAL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-A OUTPUT -j NOTRACK",
                "-A PREROUTING -i br01 -j NOTRACK",
                "-A PREROUTING ! -i br0 -j CT --notrack",
                "-A PREROUTING -j CT --helper ftp"
            })
    void check_ruleOfIptablesForOthers_isGood(String rule) {
        raw(rule);
        assertThat(check().severity()).isEqualTo(Severity.OK);
    }

    private void table(String priority, String rules) {
        String type = "table inet early {\n\tchain pre {\n\t\ttype filter hook prerouting priority " + priority
                + "; policy accept;\n";
        host.commands.put("nft list chains", type + "\t}\n\tchain more {\n\t}\n}\n");
        host.commands.put("nft list table inet early", type + rules + "\t}\n}\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\t\tnotrack\n",
                "\t\tiifname \"br*\" notrack\n",
                "\t\tiifname { \"br0\", \"br1\" } notrack\n",
                "\t\tiifname != \"eth0\" counter packets 0 bytes 0 notrack\n",
                "\t\tjump more\n\t}\n\n\tchain more {\n\t\ttcp dport 80 notrack\n"
            })
    void check_ruleOfNftables_isFoundUntilTheRemedyStandsBeforeIt(String rules) {
        table("raw - 10", rules);
        assertThat(check()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.FATAL);
            assertThat(found.evidence()).contains("notrack' turns off connection tracking");
            assertThat(found.remedy()).isEqualTo("nft insert rule inet early pre iifname br0 accept");
        });
        table("raw", "\t\tiifname \"br0\" accept\n" + rules);
        assertThat(check().severity()).isEqualTo(Severity.OK);
        table("-250", rules + "\t}\n\n\tchain elsewhere {\n\t\tiifname \"br0\" accept\n");
        assertThat(check().severity()).isEqualTo(Severity.FATAL);
    }

    @Test
    void check_ruleOfNftablesForOthersOrTooLate_isGood() {
        table("raw", "\t\tiifname \"eth0\" notrack\n");
        assertThat(check().severity()).isEqualTo(Severity.OK);
        table("filter", "\t\tnotrack\n");
        assertThat(check().severity()).isEqualTo(Severity.OK);
        table("raw", "\t}\n\n\tchain out {\n\t\ttype filter hook output priority raw; policy accept;\n\t\tnotrack\n");
        assertThat(check().severity()).isEqualTo(Severity.OK);
    }

    @Test
    void check_rulesThatCannotBeSeen_areWarnedOf() {
        host.commands.clear();
        assertThat(check()).satisfies(found -> {
            assertThat(found.severity()).isEqualTo(Severity.WARNING);
            assertThat(found.evidence()).contains("could not be seen", "root");
        });
    }
}
