package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.InvalidValueException;
import java.io.File;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LibvirtXmlTest {
    static Stream<Object> documents() {
        return Stream.of(
                Documents.domain(),
                Documents.emulatedUefiDomain(),
                Documents.network(),
                Documents.networkWithDnsmasqOptions(),
                Documents.filter(),
                Documents.filterBinding(),
                Documents.pool(),
                Documents.volume(),
                Documents.snapshot());
    }

    @ParameterizedTest
    @MethodSource("documents")
    void write_anyDocument_isValidAndReadsBackTheSame(Object document) {
        String xml = LibvirtXml.write(document);
        Schemas.assertValid(xml);
        assertThat(LibvirtXml.write(LibvirtXml.readStrictly(xml, document.getClass())))
                .isEqualTo(xml);
        assertThat(LibvirtXml.write(document)).isEqualTo(xml);
    }

    @Test
    void write_partOfADocument_isADocumentWhereLibvirtTakesOne() {
        assertThat(LibvirtXml.write(Documents.networkInterface())).startsWith("<interface type=\"network\">");
        assertThat(LibvirtXml.write(NetworkXml.DhcpHost.of("52:54:00:a9:00:0a", "192.168.101.10")))
                .isEqualTo("<host mac=\"52:54:00:a9:00:0a\" ip=\"192.168.101.10\"/>\n");
        assertThatThrownBy(() -> LibvirtXml.write(new NetworkXml.Ip())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void write_binding_isTheTextThatLibvirtWantsInItsOrder() {
        assertThat(LibvirtXml.write(Documents.filterBinding())).isEqualTo("""
                        <filterbinding>
                          <owner>
                            <name>vm</name>
                            <uuid>4dea22b3-1d52-4b8f-8d1f-1c4d2d4f3a10</uuid>
                          </owner>
                          <portdev name="avm0a1b2c3d4e5"/>
                          <mac address="52:54:00:a9:00:0a"/>
                          <filterref filter="agentvm-4dea22b3-1d52-4b8f-8d1f-1c4d2d4f3a10">
                            <parameter name="IP" value="192.168.101.10"/>
                          </filterref>
                        </filterbinding>
                        """);
    }

    @Test
    void write_namespaces_areDeclaredOnlyWhereUsedAndWithReadablePrefixes() {
        assertThat(LibvirtXml.write(Documents.filter())).doesNotContain("xmlns");
        assertThat(LibvirtXml.write(Documents.network())).doesNotContain("xmlns");
        assertThat(LibvirtXml.write(Documents.networkWithDnsmasqOptions()))
                .containsOnlyOnce("xmlns:")
                .contains("<dnsmasq:options xmlns:dnsmasq=\"http://libvirt.org/schemas/network/dnsmasq/1.0\">");
        assertThat(LibvirtXml.write(Documents.domain()))
                .containsOnlyOnce("xmlns:")
                .contains("<agentvm:owner xmlns:agentvm=\"https://agentvm.dev/libvirt/1\"")
                .contains("<agentvm:label name=\"team\">");
        DomainXml unmarked = Documents.domain();
        unmarked.metadata = null;
        assertThat(LibvirtXml.write(unmarked)).doesNotContain("xmlns");
    }

    @Test
    void read_ownerMarkAlone_asLibvirtAnswersIt() {
        String xml = LibvirtXml.write(Documents.owner());

        OwnerXml owner = LibvirtXml.read(xml, OwnerXml.class);

        assertThat(owner.id).isEqualTo("b2c6a8a4");
        assertThat(owner.created).hasToString("2026-11-24T10:15:30Z");
        assertThat(owner.labelMap()).containsEntry("team", "tools & <tests>").containsEntry("empty", "");
    }

    @Test
    void read_domainWithItsLastUse_asLibvirtAnswersIt() {
        ActivityXml activity = new ActivityXml();
        activity.timeout = Duration.ofMinutes(15);
        activity.used = Instant.parse("2026-11-24T10:15:30.125Z");
        assertThat(LibvirtXml.write(activity))
                .as("libvirt adds the namespace itself")
                .isEqualTo("<activity timeout=\"PT15M\" used=\"2026-11-24T10:15:30.125Z\"/>\n");
        DomainXml domain = Documents.domain();
        domain.metadata = MetadataXml.of(Documents.owner());
        domain.metadata.activity = activity;

        String xml = LibvirtXml.write(domain);
        DomainXml again = LibvirtXml.readStrictly(xml, DomainXml.class);

        assertThat(xml).contains("<agentvm-activity:activity xmlns:agentvm-activity=\"" + ActivityXml.NAMESPACE + "\"");
        assertThat(again.metadata).isNotNull();
        assertThat(again.metadata.activity).isNotNull();
        assertThat(again.metadata.activity.timeout).isEqualTo(Duration.ofMinutes(15));
        assertThat(again.metadata.activity.used).isEqualTo(activity.used);
    }

    @Test
    void write_charactersThatXmlCanExpress_survive() {
        String awkward = "a \"b\" 'c' <d> & ]]> \t\r\n\r \u0085\u2028 é 漢 \uD83D\uDE00 \uFFFD";
        DomainXml domain = Documents.domain();
        domain.os.cmdline = awkward;
        domain.metadata = MetadataXml.of(Documents.owner().label(awkward, awkward));

        DomainXml again = LibvirtXml.readStrictly(LibvirtXml.write(domain), DomainXml.class);

        assertThat(again.os.cmdline).isEqualTo(awkward);
        assertThat(again.metadata).isNotNull();
        assertThat(again.metadata.owner).isNotNull();
        assertThat(again.metadata.owner.labelMap()).containsEntry(awkward, awkward);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\u0000",
                "\u0001",
                "a\u0008b",
                "\u001B[0m",
                "\uFFFE",
                "\uFFFF",
                "x\uD800",
                "\uDC00x",
                "\uDC00\uD800"
            })
    void write_charactersThatXmlCannotExpress_areRefusedWithTheirPlace(String illegal) {
        DomainXml text = Documents.domain();
        text.name = illegal;
        assertThatThrownBy(() -> LibvirtXml.write(text))
                .isExactlyInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("domain/name ")
                .hasMessageContaining("XML cannot express the character U+");

        FilterXml attribute = Documents.filter();
        attribute.name = illegal;
        assertThatThrownBy(() -> LibvirtXml.write(attribute))
                .isExactlyInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("filter/@name ");
    }

    @Test
    void write_blankText_staysAsItIs() {
        DomainXml domain = Documents.domain();
        domain.os.cmdline = "  ";

        assertThat(LibvirtXml.read(LibvirtXml.write(domain), DomainXml.class).os.cmdline)
                .isEqualTo("  ");
    }

    @Test
    void read_whatTheClassHasNoFieldFor_isLeftOutAndStrictlyIsReported() {
        String xml = """
                <domain type='kvm' flavour='sweet'>
                  <name>vm</name>
                  <devices>
                    <graphics type='vnc' port='5900'><listen type='address'/></graphics>
                    <emulator>/usr/bin/qemu</emulator>
                    <memballoon model='none'/>
                    <memballoon model='virtio'/>
                  </devices>
                  <vcpu>two</vcpu>
                  <features><pmu state='perhaps'/></features>
                  <name xmlns='urn:other'>vm</name>
                </domain>
                """;

        DomainXml domain = LibvirtXml.read(xml, DomainXml.class);

        assertThat(domain.name).isEqualTo("vm");
        assertThat(domain.devices.emulator).isEqualTo("/usr/bin/qemu");
        assertThat(LibvirtXml.unread(xml, DomainXml.class))
                .containsExactly(
                        "/domain/@flavour='sweet'",
                        "/domain/devices/graphics",
                        "/domain/devices/memballoon/@model='none'",
                        "/domain/devices/memballoon",
                        "/domain/vcpu='two'",
                        "/domain/features/pmu/@state='perhaps'",
                        "/domain/{urn:other}name");
        assertThatThrownBy(() -> LibvirtXml.readStrictly(xml, DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("<domain>")
                .hasMessageContaining("/domain/devices/graphics");
    }

    @Test
    void read_anotherDocument_namesBoth() {
        String xml = LibvirtXml.write(Documents.network());

        assertThatThrownBy(() -> LibvirtXml.read(xml, DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessage("Could not read a <domain> document: it is a <network> document");
        assertThatThrownBy(() -> LibvirtXml.read("<bogus/>", DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("<domain>")
                .hasMessageContaining("bogus");
        assertThatThrownBy(() -> LibvirtXml.read(xml, String.class)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "not XML", "<domain>", "<domain></network>", "<domain a='1' a='2'/>", "<domain>&#1;</domain>"
            })
    void read_notWellFormed_saysWhere(String xml) {
        assertThatThrownBy(() -> LibvirtXml.read(xml, DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessageStartingWith("Could not read a <domain> document: line 1, column ");
    }

    @Test
    void read_documentType_isRefusedBeforeAnythingIsOpened(@TempDir Path directory) throws Exception {
        Path secret = Files.writeString(directory.resolve("secret"), "top-secret");
        List<String> attacks = List.of(
                "<!DOCTYPE domain [<!ENTITY x SYSTEM '" + secret.toUri() + "'>]><domain><name>&x;</name></domain>",
                "<!DOCTYPE domain [<!ENTITY % x SYSTEM '" + secret.toUri() + "'> %x;]><domain/>",
                "<!DOCTYPE domain SYSTEM '" + secret.toUri() + "'><domain/>",
                "<!DOCTYPE domain [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><domain><name>&b;</name></domain>");
        for (String attack : attacks) {
            assertThatThrownBy(() -> LibvirtXml.read(attack, DomainXml.class))
                    .isInstanceOf(AgentVMException.class)
                    .hasMessageContaining("DOCTYPE")
                    .hasMessageNotContaining("top-secret");
            assertThatThrownBy(() -> LibvirtXml.unread(attack, DomainXml.class))
                    .isInstanceOf(AgentVMException.class)
                    .hasMessageContaining("DOCTYPE");
        }
        String inclusion = "<domain xmlns:xi='http://www.w3.org/2001/XInclude'><name><xi:include href='"
                + secret.toUri() + "' parse='text'/></name></domain>";
        assertThat(LibvirtXml.read(inclusion, DomainXml.class).name).doesNotContain("top-secret");
    }

    @Test
    void read_beyondAnySizeThatLibvirtSends_isRefused() {
        String fits = "<domain><name>" + "n".repeat(1_000_000) + "</name></domain>";
        assertThat(LibvirtXml.read(fits, DomainXml.class).name).hasSize(1_000_000);

        String large = "<domain><name>" + "n".repeat(LibvirtXml.MAX_LENGTH) + "</name></domain>";
        assertThatThrownBy(() -> LibvirtXml.read(large, DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("characters long");

        String deep = "<domain>" + "<a>".repeat(150) + "</a>".repeat(150) + "</domain>";
        assertThatThrownBy(() -> LibvirtXml.read(deep, DomainXml.class))
                .isInstanceOf(AgentVMException.class)
                .hasMessageContaining("depth");
    }

    @Test
    void readAndWrite_manyThreadsAtOnce_doNotMixDocuments() throws Exception {
        List<Object> documents = documents().toList();
        List<String> expected = documents.stream().map(LibvirtXml::write).toList();
        int threads = 8;
        CyclicBarrier start = new CyclicBarrier(threads);
        Callable<Integer> work = () -> {
            start.await();
            int wrong = 0;
            for (int i = 0; i < 50; i++) {
                for (int j = 0; j < documents.size(); j++) {
                    Object read =
                            LibvirtXml.read(expected.get(j), documents.get(j).getClass());
                    if (!LibvirtXml.write(read).equals(expected.get(j))
                            || !LibvirtXml.write(documents.get(j)).equals(expected.get(j))) {
                        wrong++;
                    }
                }
            }
            return wrong;
        };
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Integer>> results = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                results.add(executor.submit(work));
            }
            for (Future<Integer> result : results) {
                assertThat(result.get()).isZero();
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void firstUse_underAContextLoaderThatKnowsNothing_works() throws Exception {
        ClassLoader platform = ClassLoader.getPlatformClassLoader();
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader plugin = new URLClassLoader(classPath(), platform);
                URLClassLoader host = new URLClassLoader(new URL[0], platform)) {
            thread.setContextClassLoader(host);
            Class<?> type = plugin.loadClass(FilterXml.class.getName());
            Class<?> xml = plugin.loadClass(LibvirtXml.class.getName());
            assertThat(type).isNotSameAs(FilterXml.class);
            Method read = xml.getMethod("read", String.class, Class.class);
            Method write = xml.getMethod("write", Object.class);

            Object filter = read.invoke(null, "<filter name='f'/>", type);

            assertThat(write.invoke(null, filter)).isEqualTo("<filter name=\"f\"/>\n");
            assertThat(thread.getContextClassLoader()).isSameAs(host);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private static URL[] classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(LibvirtXmlTest::url)
                .toArray(URL[]::new);
    }

    private static URL url(String path) {
        try {
            return Path.of(path).toUri().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
