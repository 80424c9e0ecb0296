package dev.agentvm.monitor.report;

import static dev.agentvm.monitor.Story.VM;
import static dev.agentvm.monitor.Story.at;
import static dev.agentvm.monitor.Story.attempt;
import static dev.agentvm.monitor.Story.host;
import static dev.agentvm.monitor.Story.sample;
import static dev.agentvm.monitor.Story.tcp;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.monitor.Story;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkAttachment;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.UUID;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class SessionReportTest {
    private static final String HOSTILE =
            "</td></table><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>\u0000\u001b[2J\u202etxt.exe\ud800";

    private final SessionRecorder recorder = new SessionRecorder();

    private String html() {
        return recorder.report(VM.id()).orElseThrow().html();
    }

    private static CommandEnded command(double time, int exit, String... argv) {
        return new CommandEnded.Builder()
                .time(at(time))
                .vm(VM)
                .addArgv(argv)
                .duration(Duration.ofMillis(1234))
                .exitCode(exit)
                .build();
    }

    /** A day in the life of a VM, in ten minutes. */
    private void live() {
        recorder.onEvent(new LaunchStarted.Builder()
                .time(at(0))
                .vm(VM)
                .policy(Story.POLICY)
                .build());
        recorder.onEvent(new VMLaunched.Builder()
                .time(at(4))
                .vm(VM)
                .policy(Story.POLICY)
                .attachment(NetworkAttachment.example())
                .putStep(LaunchStep.AGENT_READY, Duration.ofSeconds(4))
                .addWarning("traffic is not shaped here")
                .build());
        String[] names = {"github.com", "deb.debian.org", "registry.npmjs.org", "pypi.org", "files.pythonhosted.org"};
        for (int i = 0; i < 300; i++) {
            String name = names[i * 7 % 11 % names.length];
            recorder.onEvent(attempt(10 + i * 1.8, Flow.tcp(host(name.length()), 443), name));
        }
        for (int i = 0; i < 40; i++) {
            recorder.onEvent(tcp(200 + i * 0.5, 99, 1000 + i));
        }
        recorder.onEvent(attempt(30, Flow.tcp("169.254.169.254", 80)));
        for (int i = 0; i <= 600; i += 2) {
            recorder.onEvent(sample(i)
                    .sentBytes(i * 20_000L + (i > 400 ? (i - 400) * 900_000L : 0))
                    .receivedBytes((long) (i * 400_000.0 * (1 + Math.sin(i / 40.0) / 3)))
                    .build());
        }
        recorder.onEvent(command(60, 0, "git", "clone", "https://github.com/example/project"));
        recorder.onEvent(command(300, 0, "npm", "ci"));
        recorder.onEvent(command(500, 1, "npm", "test"));
        recorder.onEvent(command(510, 0, "npm", "publish", "--token", "s3cr3t"));
        recorder.onEvent(new AnomalyDetected.Builder()
                .time(at(207))
                .vm(VM)
                .kind("port-scan")
                .severity(Severity.ALERT)
                .message("Different ports of 20.0.0.99: 15 within PT1M")
                .addEvidence(tcp(206, 99, 1013))
                .build());
        recorder.onEvent(new EventsLost.Builder()
                .time(at(300))
                .vm(VM)
                .cause(EventsLost.Cause.CAPTURE)
                .count(3)
                .since(at(299))
                .build());
        recorder.onEvent(new VMClosed.Builder()
                .time(at(600))
                .vm(VM)
                .reason("destroyed by its program")
                .build());
    }

    @Test
    void html_ofASession_saysWhatItWasAndDid() throws IOException {
        live();

        assertThat(html())
                .contains("VM vm")
                .contains("closed: destroyed by its program")
                .contains("traffic is not shaped here")
                .contains("git clone https://github.com/example/project", "exit 1", "1.23 s")
                .doesNotContain("s3cr3t")
                .contains("port-scan", "Different ports of 20.0.0.99")
                .contains("floor: LINK_LOCAL")
                .contains("3 lost (capture)")
                .contains("HTTPS: clones, package registries, APIs")
                .contains("github.com (20.0.0.10)");
        // For a look by eye.
        Files.writeString(Path.of("target", "session-report.html"), html());
    }

    @Test
    void html_isOneFileThatLoadsNothingAndIsWellFormed() throws Exception {
        live();

        assertThat(html()).doesNotContain("<script", " src=", " href=", "url(", "@import");
        assertThat(parsed(html()).getElementsByTagName("svg").getLength()).isEqualTo(2);
    }

    /** The page has no element without an end but those in its head. */
    private static Document parsed(String html) throws Exception {
        String body = html.substring(html.indexOf("<body>"), html.indexOf("</html>"));
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(body)));
    }

    @Test
    void html_hostileTexts_areTextEverywhere() throws Exception {
        VMIdentity vm = new VMIdentity.Builder()
                .id(VM.id())
                .name(HOSTILE)
                .template(HOSTILE)
                .owner(HOSTILE)
                .putLabel(HOSTILE, HOSTILE)
                .build();
        recorder.onEvent(new CommandEnded.Builder()
                .time(at(1))
                .vm(vm)
                .addArgv(HOSTILE, HOSTILE)
                .user(HOSTILE)
                .duration(Duration.ZERO)
                .failure(HOSTILE)
                .build());
        recorder.onEvent(attempt(2, Flow.tcp(host(1), 443), HOSTILE));
        recorder.onEvent(attempt(2, Flow.tcp(host(1), 5432), HOSTILE));
        recorder.onEvent(new AnomalyDetected.Builder()
                .time(at(3))
                .vm(vm)
                .kind("x")
                .severity(Severity.NOTICE)
                .message(HOSTILE)
                .addEvidence(attempt(2, Flow.tcp(host(1), 443), HOSTILE))
                .build());
        recorder.onEvent(
                new VMClosed.Builder().time(at(4)).vm(vm).reason(HOSTILE).build());

        String html = html();
        assertThat(html).doesNotContain("<script", "<img", "\u0000", "\u001b", "\u202e");
        assertThat(html).contains("&lt;script&gt;", "\\u{1B}", "\\u{202E}", "\\u{D800}");
        Document page = parsed(html);
        assertThat(page.getElementsByTagName("script").getLength()).isZero();
        assertThat(page.getElementsByTagName("img").getLength()).isZero();
    }

    @Test
    void html_ofAGuestThatDoesVeryMuch_isBoundedAndSaysWhatIsLeftOut() {
        String name = "x".repeat(250);
        for (int i = 0; i < 50_000; i++) {
            recorder.onEvent(attempt(i, Flow.tcp(host(i), i % 2 == 0 ? 443 : 5432), name + i));
            if (i % 50 == 0) {
                recorder.onEvent(command(i, 0, "x".repeat(100_000)));
                recorder.onEvent(sample(i).sentBytes(i).receivedBytes(i).build());
            }
        }

        String html = html();
        assertThat(html.length()).isLessThan(4_000_000);
        assertThat(html)
                .contains("The latest of 1000; 500 before are left out.")
                .contains("The drawing has the latest of 50000 attempts.")
                .contains("leave out 49000 attempts");
    }

    @Test
    void html_deniedAfterManyAllowed_isShownAllTheSame() {
        for (int i = 0; i < 600; i++) {
            recorder.onEvent(attempt(i, Flow.tcp(host(i), 443), null));
        }
        recorder.onEvent(attempt(601, Flow.tcp(host(7), 5432), null));

        assertThat(html()).doesNotContain("Nothing was denied.").contains("TCP 5432");
    }

    @Test
    void html_restored_sumsWhatWasSentBeforeAndAfter() {
        recorder.onEvent(sample(1).sentBytes(3072).receivedBytes(1024).build());
        recorder.onEvent(sample(2).sentBytes(4096).receivedBytes(1024).build());
        recorder.onEvent(sample(3).sentBytes(1024).receivedBytes(512).build());

        assertThat(html()).contains("<b>5.0 KiB</b><span>sent</span>", "<b>1.5 KiB</b><span>received</span>");
    }

    @Test
    void html_ofAVMOfWhichNothingIsKnown_saysSo() {
        recorder.onEvent(sample(0).build());

        assertThat(html())
                .contains("None were found.", "Nothing was denied.", "None were run.", "No connection was seen.")
                .contains("Traffic was not sampled.", "not counted", "still running");
    }

    @Test
    void recorder_moreVMsThanItKeeps_forgetsTheQuietest() {
        SessionRecorder small = new SessionRecorder(2);
        for (int i = 0; i < 3; i++) {
            small.onEvent(sample(i).vm(VMIdentity.of(new UUID(5, i), "vm" + i)).build());
        }

        assertThat(small.sessions()).extracting(VMIdentity::name).containsExactly("vm1", "vm2");
        small.forget(new UUID(5, 1));
        assertThat(small.report(new UUID(5, 1))).isEmpty();
        assertThatThrownBy(() -> new SessionRecorder(0)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void writeTo_file_hasThePage(@TempDir Path directory) throws IOException {
        live();
        Path file = directory.resolve("report.html");
        recorder.report(VM.id()).orElseThrow().writeTo(file);

        assertThat(file).hasContent(html());
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(PosixFilePermissions.fromString("rw-------"));

        recorder.onEvent(new VMClosed.Builder().time(at(9)).vm(VM).reason("x").build());
        recorder.report(VM.id()).orElseThrow().writeTo(file);
        assertThat(file).as("in place of what was there").hasContent(html());
    }
}
