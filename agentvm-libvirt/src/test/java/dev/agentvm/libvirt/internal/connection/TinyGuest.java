package dev.agentvm.libvirt.internal.connection;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumSet;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The lab's tiny guest, without a network, and what its agent is asked in these tests. */
final class TinyGuest {
    static final String CHANNEL = "dev.agentvm.test.0";
    private static final Path IMAGE = Path.of("/var/lib/agentvm/images/tiny");
    private static final Duration AGENT_TIMEOUT = Duration.ofSeconds(20);
    private static final Pattern PID = Pattern.compile("\"pid\":(\\d+)");
    private static final Pattern OUTPUT = Pattern.compile("\"out-data\":\"([^\"]*)\"");

    final DomainRef domain = new DomainRef(UUID.randomUUID(), TestDriver.name("conn"));
    private final CompletableFuture<Boolean> agentConnected = new CompletableFuture<>();
    private final CompletableFuture<String> stopped = new CompletableFuture<>();

    /** Listens for the guest's events, from before its start. */
    TinyGuest(Libvirt libvirt) {
        libvirt.addListener(this::onEvent);
    }

    private void onEvent(LibvirtEvent event) {
        if (event instanceof LibvirtEvent.AgentLifecycle agent && agent.domain().equals(domain) && agent.connected()) {
            agentConnected.complete(true);
        }
        if (event instanceof LibvirtEvent.DomainLifecycle lifecycle
                && lifecycle.domain().equals(domain)
                && lifecycle.type() == LibvirtEvent.LifecycleType.STOPPED) {
            stopped.complete(lifecycle.detailText());
        }
    }

    TinyGuest create(Libvirt libvirt, Set<CreateFlag> flags) {
        DomainRef created = libvirt.domains().create(xml(), flags);
        if (!created.equals(domain)) {
            throw new AssertionError(created);
        }
        return this;
    }

    static TinyGuest started(Libvirt libvirt) {
        return new TinyGuest(libvirt).create(libvirt, EnumSet.of(CreateFlag.AUTODESTROY, CreateFlag.VALIDATE));
    }

    void awaitAgent() {
        agentConnected.orTimeout(120, TimeUnit.SECONDS).join();
    }

    /** How it stopped. */
    String awaitStop() {
        return stopped.orTimeout(30, TimeUnit.SECONDS).join();
    }

    String exec(Libvirt libvirt, String script) {
        String pid = find(PID, begin(libvirt, script));
        while (true) {
            String status = libvirt.agents()
                    .command(
                            domain,
                            "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":" + pid + "}}",
                            AGENT_TIMEOUT);
            if (status.contains("\"exited\":true")) {
                Matcher output = OUTPUT.matcher(status);
                return output.find()
                        ? new String(Base64.getDecoder().decode(output.group(1)), StandardCharsets.UTF_8)
                        : "";
            }
        }
    }

    /** Starts a shell script in the guest. */
    String begin(Libvirt libvirt, String script) {
        String json = "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\",\"arg\":[\"-c\",\""
                + script.replace("\\", "\\\\").replace("\"", "\\\"") + "\"],\"capture-output\":true}}";
        return libvirt.agents().command(domain, json, AGENT_TIMEOUT);
    }

    private static String find(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.find()) {
            throw new AssertionError(text);
        }
        return matcher.group(1);
    }

    /** From here on the agent takes calls and answers none. */
    void stopAgent(Libvirt libvirt) {
        begin(libvirt, "sleep 0.3; kill -STOP $(pidof qemu-ga)");
    }

    void continueAgentLater(Libvirt libvirt, int seconds) {
        begin(libvirt, "sleep " + seconds + "; kill -CONT $(pidof qemu-ga)");
    }

    private String xml() {
        Properties image = new Properties();
        try (InputStream properties = Files.newInputStream(IMAGE.resolve("image.properties"))) {
            image.load(properties);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String type = "tcg".equals(System.getenv("AGENTVM_ACCELERATOR")) ? "qemu" : "kvm";
        return Arrays.asList(
                        "<domain type='" + type + "'>",
                        "<name>" + domain.name() + "</name>",
                        "<uuid>" + domain.uuid() + "</uuid>",
                        "<metadata><t:owner xmlns:t='" + TestDriver.NAMESPACE + "'>me</t:owner></metadata>",
                        "<memory unit='MiB'>128</memory>",
                        "<os><type arch='x86_64' machine='q35'>hvm</type>",
                        "<kernel>" + IMAGE.resolve(image.getProperty("kernel")) + "</kernel>",
                        "<initrd>" + IMAGE.resolve(image.getProperty("initrd")) + "</initrd>",
                        "<cmdline>" + image.getProperty("cmdline") + "</cmdline></os>",
                        "<features><acpi/></features><on_reboot>destroy</on_reboot>",
                        "<devices><serial type='pty'/><console type='pty'/>",
                        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
                        "<channel type='unix'><target type='virtio' name='" + CHANNEL + "'/></channel>",
                        "<memballoon model='none'/></devices></domain>")
                .stream()
                .collect(Collectors.joining());
    }
}
