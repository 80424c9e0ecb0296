package dev.agentvm.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.HostCheck.Severity;
import dev.agentvm.spi.HypervisorProvider;
import org.junit.jupiter.api.Test;

class LibvirtProviderTest {
    @Test
    void find_withThisLibraryOnTheClassPath_givesIt() {
        assertThat(HypervisorProvider.find()).hasValueSatisfying(found -> {
            assertThat(found).isInstanceOf(LibvirtProvider.class);
            assertThat(found.name()).isEqualTo("libvirt");
        });
    }

    @Test
    void inability_ofAHostThatLacksSomething_saysAllThatIsFatalAndHowToMendIt() {
        HostCheck check = HostCheck.run(
                "test:///default", new VMTemplate.Builder().name("check").build());
        String inability = LibvirtProvider.inability(check).orElseThrow();
        assertThat(check.findings())
                .filteredOn(finding -> finding.severity() == Severity.FATAL)
                .isNotEmpty()
                .allSatisfy(finding -> assertThat(inability)
                        .contains(finding.id() + ": " + finding.evidence())
                        .contains(finding.remedy()));
        assertThat(check.findings())
                .filteredOn(finding -> finding.severity() == Severity.OK)
                .allSatisfy(finding -> assertThat(inability).doesNotContain(finding.evidence()));
    }
}
