package dev.agentvm.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Accelerator;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.Cidr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LibvirtHypervisorTest {
    private final LibvirtHypervisor.Builder builder = new LibvirtHypervisor.Builder();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "qemu+ssh://root@example.com/system",
                "qemu+tls://example.com/system",
                "qemu+tcp://example.com/system",
                "qemu://example.com/system",
                "xen:///system",
                ""
            })
    void uri_ofAnotherHostOrHypervisor_isRefused(String uri) {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> builder.uri(uri))
                .withMessageContainingAll("uri '" + uri + "'", "qemu:///system", "where the program runs");
    }

    @Test
    void uri_ofASession_isRefused() {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> builder.uri("qemu:///session"))
                .withMessageContainingAll("neither filters nor networks", "group libvirt");
    }

    @Test
    void hostCheck_ofABuilder_needsWhatItsHypervisorWould() {
        VMTemplate template = new VMTemplate.Builder().name("vm").build();
        builder.network("fetchers")
                .subnet(Cidr.of("10.99.0.0/24"))
                .requireConfinement()
                .accelerator(Accelerator.KVM);

        assertThat(builder.needs(template)).satisfies(needs -> {
            assertThat(needs.settings().name()).isEqualTo("fetchers");
            assertThat(needs.settings().subnet()).contains(Cidr.of("10.99.0.0/24"));
            assertThat(needs.confined()).isTrue();
            assertThat(needs.kvm()).isTrue();
            assertThat(needs.policy()).isEqualTo(template.networkPolicy());
        });
        assertThat(builder.accelerator(Accelerator.TCG).needs(template).kvm()).isFalse();
        builder.resolvableDomains("example.com");
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> HostCheck.run(builder, template))
                .withMessageContaining("resolvers(");
    }

    @Test
    void finding_toString_tellsWhatToDo() {
        HostCheck.Finding fatal =
                new HostCheck.Finding("bridge", HostCheck.Severity.FATAL, "it is down", "ip link set br0 up");
        HostCheck.Finding fine = new HostCheck.Finding("kvm", HostCheck.Severity.OK, "it is there", "");

        assertThat(fatal.toString().lines())
                .containsExactly("FATAL   bridge: it is down", "        -> ip link set br0 up");
        assertThat(fine).hasToString("OK      kvm: it is there");
    }

    @Test
    void hostCheck_session_isAFindingWithoutAConnection() {
        HostCheck check = HostCheck.run(
                "qemu:///session", new VMTemplate.Builder().name("vm").build());

        assertThat(check.isReady()).isFalse();
        assertThat(check.findings()).singleElement().satisfies(finding -> {
            assertThat(finding.id()).isEqualTo("system-uri");
            assertThat(finding.remedy()).contains("qemu:///system");
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                ".example.com",
                "example.com.",
                "a..b",
                "-a.com",
                "a-.com",
                "*.example.com",
                "exa mple.com",
                "example.com/1.1.1.1",
                "example.com\naddress=/x/10.0.0.1",
                "example.com#",
                "under_score.com",
                "b\u00fccher.example",
                "\u212aelvin.example",
                "a123456789a123456789a123456789a123456789a123456789a123456789abcd.com"
            })
    void resolvableDomains_noDomain_isRefused(String domain) {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> builder.resolvableDomains("example.com", domain))
                .withMessageContainingAll("resolvableDomains", "java.net.IDN.toASCII");
    }

    @Test
    void connect_domainsWithoutResolvers_isRefused() {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> builder.resolvableDomains("example.com").connect())
                .withMessageContainingAll("example.com", "resolvers(");
    }

    @Test
    void resolvableDomains_tooLongOrNone_isRefused() {
        String long254 = "a".repeat(60) + ("." + "b".repeat(60)).repeat(3) + "." + "c".repeat(10);
        assertThat(long254).hasSize(254);
        assertThatExceptionOfType(InvalidValueException.class).isThrownBy(() -> builder.resolvableDomains(long254));
        assertThat(builder.resolvableDomains(long254.substring(1))).isSameAs(builder);
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(builder::resolvableDomains)
                .withMessageContaining("at least one");
    }
}
