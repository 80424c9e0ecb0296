package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class DomainCapabilitiesXmlTest {
    private static final String XML = """
            <domainCapabilities>
              <path>/usr/bin/qemu-system-x86_64</path>
              <domain>kvm</domain>
              <machine>pc-q35-7.2</machine>
              <arch>x86_64</arch>
              <vcpu max='288'/>
              <iothreads supported='yes'/>
              <os supported='yes'>
                <enum name='firmware'>
                  <value>efi</value>
                </enum>
                <loader supported='yes'>
                  <value>/usr/share/OVMF/OVMF_CODE_4M.fd</value>
                  <enum name='type'>
                    <value>rom</value>
                    <value>pflash</value>
                  </enum>
                </loader>
              </os>
              <cpu>
                <mode name='host-passthrough' supported='no'/>
                <mode name='maximum' supported='yes'/>
                <mode name='host-model' supported='yes'>
                  <model fallback='forbid'>EPYC</model>
                  <vendor>AMD</vendor>
                  <feature policy='require' name='x2apic'/>
                  <feature policy='disable' name='svm'/>
                </mode>
                <mode name='custom' supported='yes'>
                  <model usable='yes' vendor='unknown'>qemu64</model>
                  <model usable='no' vendor='Intel'>Skylake-Client</model>
                </mode>
              </cpu>
              <devices>
                <rng supported='yes'>
                  <enum name='backendModel'>
                    <value>random</value>
                    <value>builtin</value>
                  </enum>
                </rng>
                <tpm supported='no'/>
              </devices>
              <features>
                <vmcoreinfo supported='yes'/>
              </features>
            </domainCapabilities>
            """;

    @Test
    void read_whatLibvirtAnswers_findsWhatTheLibraryAsksFor() {
        Schemas.assertValid(XML);

        DomainCapabilitiesXml capabilities = LibvirtXml.read(XML, DomainCapabilitiesXml.class);

        assertThat(capabilities.domain).isEqualTo("kvm");
        assertThat(capabilities.vcpu).isNotNull();
        assertThat(capabilities.vcpu.max).isEqualTo(288);
        assertThat(capabilities.os).isNotNull();
        assertThat(capabilities.os.choices.get(0).values).containsExactly("efi");
        assertThat(capabilities.os.loader).isNotNull();
        assertThat(capabilities.os.loader.values).containsExactly("/usr/share/OVMF/OVMF_CODE_4M.fd");
        assertThat(capabilities.cpu).isNotNull();
        assertThat(capabilities.cpu.supports("host-model")).isTrue();
        assertThat(capabilities.cpu.supports("host-passthrough")).isFalse();
        assertThat(capabilities.cpu.supports("imagined")).isFalse();
        assertThat(capabilities.cpu.modes.get(2).features)
                .extracting(feature -> feature.name)
                .containsExactly("x2apic", "svm");
        assertThat(capabilities.cpu.modes.get(3).models)
                .extracting(model -> model.name)
                .containsExactly("qemu64", "Skylake-Client");
        assertThat(LibvirtXml.unread(XML, DomainCapabilitiesXml.class))
                .isEqualTo(List.of(
                        "/domainCapabilities/iothreads",
                        "/domainCapabilities/devices/tpm",
                        "/domainCapabilities/features"));
    }
}
