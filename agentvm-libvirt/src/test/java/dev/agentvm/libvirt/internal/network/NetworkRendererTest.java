package dev.agentvm.libvirt.internal.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.Schemas;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class NetworkRendererTest {
    private static final NetworkSettings SETTINGS = NetworkSettings.standard();

    private static String render(NetworkSettings settings) {
        String xml = LibvirtXml.write(
                NetworkRenderer.render(settings, new Subnet(Cidr.of("192.168.101.0/24")), UUID.randomUUID()));
        Schemas.assertValid(xml);
        return xml;
    }

    @Test
    void render_standard_asksTheHostsServersAndTellsNoNames() {
        assertThat(render(SETTINGS))
                .contains("<dns forwardPlainNames=\"no\"/>", "\"stop-dns-rebind\"", "\"no-hosts\"")
                .contains("\"dhcp-ignore-names\"")
                .doesNotContain(
                        "rebind-localhost-ok", "rebind-domain-ok", "no-resolv", "\"address=/", "<domain", "<hostname");
    }

    @Test
    void render_domains_haveForwardersAndAllElseDoesNotExist() {
        List<IPv4Address> servers = List.of(IPv4Address.of("9.9.9.9"), IPv4Address.of("1.1.1.1"));
        assertThat(render(SETTINGS.withDomains(List.of("GitHub.com", "github.com"))
                        .withResolvers(servers)))
                .contains(
                        "<forwarder domain=\"github.com\" addr=\"9.9.9.9\"/>",
                        "<forwarder domain=\"github.com\" addr=\"1.1.1.1\"/>")
                .doesNotContain("<forwarder addr")
                .contains("\"no-resolv\"", "\"address=/#/\"");
        assertThat(render(SETTINGS.withResolvers(servers)))
                .contains("<forwarder addr=\"9.9.9.9\"/>")
                .doesNotContain("\"address=/", "\"no-resolv\"");
    }
}
