package dev.agentvm.monitor.report;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.monitor.internal.Redaction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What one VM was and did, as one HTML file that needs nothing else: no script, no font, no picture from elsewhere. What
 * a guest chose, such as names and arguments, is escaped. Immutable, safe for use by many threads.
 */
public final class SessionReport {
    private static final Set<OpenOption> IN_PLACE =
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final VMIdentity vm;
    private final String html;

    private SessionReport(VMIdentity vm, String html) {
        this.vm = vm;
        this.html = html;
    }

    /** The VM. */
    public VMIdentity vm() {
        return vm;
    }

    /** The page, of a few megabytes at most. */
    public String html() {
        return html;
    }

    /**
     * Writes the page to a file, in UTF-8, in place of what was there. A file that was not there is made readable by its
     * owner alone.
     *
     * @throws IOException if it cannot be written
     */
    public void writeTo(Path file) throws IOException {
        try (WritableByteChannel out = Files.newByteChannel(file, IN_PLACE, OWNER_ONLY)) {
            ByteBuffer page = ByteBuffer.wrap(html.getBytes(StandardCharsets.UTF_8));
            while (page.hasRemaining()) {
                out.write(page);
            }
        }
    }

    static SessionReport of(Session session) {
        Html page = new Html();
        Page parts = new Page(session, page);
        page.markup("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">")
                // Should something slip through, it runs nothing and loads nothing.
                .markup("<meta http-equiv=\"Content-Security-Policy\""
                        + " content=\"default-src 'none'; style-src 'unsafe-inline'\">")
                .markup("<meta name=\"viewport\" content=\"width=device-width\">")
                .element("title", "VM " + session.vm().name())
                .markup("<style>" + Style.CSS + "</style></head><body>");
        parts.head();
        parts.summary();
        parts.anomalies();
        parts.denials();
        parts.commands();
        parts.connections();
        parts.traffic();
        parts.notes();
        parts.policy();
        page.markup("</body></html>\n");
        return new SessionReport(session.vm(), page.toString());
    }

    /** The parts of the page, from top to bottom. */
    private static final class Page {
        private final Session session;
        private final Html page;
        private final Instant start;
        private final Instant end;

        Page(Session session, Html page) {
            this.session = session;
            this.page = page;
            start = session.first().time();
            end = session.last().time();
        }

        void head() {
            VMIdentity vm = session.vm();
            page.element("h1", "VM " + vm.name()).markup("<dl>");
            field("Identity", vm.id().toString());
            field("Template", vm.template());
            vm.owner().ifPresent(owner -> field("Owner", owner));
            if (!vm.labels().isEmpty()) {
                field("Labels", Redaction.labels(vm.labels()).toString());
            }
            field("From", instant(start));
            field("Until", instant(end) + ", " + elapsed(Duration.between(start, end)));
            field("End", ending());
            if (session.launched() != null) {
                session.launched()
                        .attachment()
                        .ifPresent(attachment -> field(
                                "Address",
                                attachment.address() + " in " + attachment.subnet() + ", " + attachment.mac()));
                session.launched().warnings().forEach(warning -> field("Warning", warning));
            }
            page.markup("</dl>");
        }

        private void field(String name, String value) {
            page.element("dt", name).element("dd", value);
        }

        private String ending() {
            VMEvent event = session.end();
            if (event instanceof VMClosed closed) {
                return "closed: " + closed.reason();
            } else if (event instanceof VMDied died) {
                return "died: " + died.reason();
            } else if (event instanceof LaunchFailed failed) {
                return "launch failed: " + Redaction.text(failed.reason());
            }
            return "still running as this was written";
        }

        void summary() {
            page.markup("<section class=\"tiles\">");
            tile(session.alerts(), "alerts", session.alerts() > 0 ? "denied" : "");
            tile(session.anomalies().count() - session.alerts(), "notices", "");
            tile(session.attempts().count() - session.allowed(), "connections denied", "");
            tile(session.allowed(), "connections allowed", "");
            tile(session.commands().count(), "commands", "");
            tile(Describe.bytes(session.received()), "received", "");
            tile(Describe.bytes(session.sent()), "sent", "");
            page.markup("</section>");
        }

        private void tile(long count, String what, String style) {
            tile(Long.toString(count), what, style);
        }

        private void tile(String value, String what, String style) {
            page.markup("<div class=\"tile " + style + "\">")
                    .element("b", value)
                    .element("span", what)
                    .markup("</div>");
        }

        void anomalies() {
            page.element("h2", "Anomalies");
            Latest<AnomalyDetected> anomalies = session.anomalies();
            if (none(anomalies, "None were found.")) {
                return;
            }
            for (AnomalyDetected anomaly : anomalies.kept()) {
                String style = anomaly.severity() == Severity.ALERT ? "denied" : "notice";
                page.markup("<details><summary><span class=\"badge " + style + "\">")
                        .text(anomaly.severity().name().toLowerCase(Locale.ROOT))
                        .markup("</span> ")
                        .element("b", anomaly.kind())
                        .text(" " + time(anomaly.time()) + " " + anomaly.message())
                        .markup("</summary><ul>");
                anomaly.evidence().stream()
                        .limit(100)
                        .forEach(event -> page.element("li", time(event.time()) + " " + Describe.event(event)));
                page.markup("</ul></details>");
            }
        }

        void denials() {
            List<Contact> denied = contacts(false);
            page.element("h2", "Denied");
            if (denied.isEmpty()) {
                page.element("p", "Nothing was denied.");
                return;
            }
            table(List.of("with", "what", "times", "first", "last", "seen as", "decided by"), denied, contact -> {
                common(contact);
                cell(contact.verdict().outcome().name().toLowerCase(Locale.ROOT));
                cell(contact.decidedBy());
            });
        }

        private List<Contact> contacts(boolean allowed) {
            return session.contacts().stream()
                    .filter(contact -> contact.key().allowed() == allowed)
                    .sorted(Comparator.comparingLong(Contact::count).reversed())
                    .toList();
        }

        private void common(Contact contact) {
            cell((contact.key().direction() == Flow.Direction.FROM_VM ? "" : "from ")
                    + contact.key().peer());
            brief(contact.key().service());
            brief(Long.toString(contact.count()));
            brief(time(contact.first()));
            brief(time(contact.last()));
        }

        void commands() {
            page.element("h2", "Commands");
            Latest<CommandEnded> commands = session.commands();
            if (none(commands, "None were run.")) {
                return;
            }
            table(List.of("ended", "command", "user", "took", "outcome"), commands.kept(), command -> {
                cell(time(command.time()));
                page.markup("<td><code>").text(Describe.command(command)).markup("</code></td>");
                cell(command.user().orElse(""));
                cell(elapsed(command.duration()));
                page.markup(command.exitCode().orElse(-1) == 0 ? "<td>" : "<td class=\"denied\">")
                        .text(Describe.outcome(command))
                        .markup("</td>");
            });
        }

        void connections() {
            page.element("h2", "Connections");
            if (session.attempts().leftOut() > 0) {
                page.element(
                        "p",
                        "The drawing has the latest of " + session.attempts().count() + " attempts.");
            }
            ConnectionTimeline.draw(page, session.attempts().kept(), start, end);
            List<Contact> allowed = contacts(true);
            if (!allowed.isEmpty()) {
                table(
                        List.of("with", "what", "times", "first", "last", "sent", "received", "allowed by"),
                        allowed,
                        contact -> {
                            common(contact);
                            brief(Describe.bytes(contact.sent()));
                            brief(Describe.bytes(contact.received()));
                            cell(contact.decidedBy());
                        });
            }
            if (session.attemptsOfOtherContacts() > 0) {
                page.element(
                        "p",
                        "The tables leave out " + session.attemptsOfOtherContacts()
                                + " attempts with others than the first that were met.");
            }
        }

        void traffic() {
            page.element("h2", "Traffic");
            TrafficPlot.draw(page, session.samples(), start, end);
        }

        void notes() {
            if (session.notes().count() == 0) {
                return;
            }
            page.element("h2", "Changes, responses and gaps");
            none(session.notes(), "");
            page.markup("<ul>");
            session.notes()
                    .kept()
                    .forEach(event -> page.element("li", time(event.time()) + " " + Describe.event(event)));
            page.markup("</ul>");
        }

        void policy() {
            page.element("h2", "Policy at the launch");
            Optional<NetworkPolicy> policy = session.launched() != null
                    ? session.launched().policy()
                    : Optional.ofNullable(session.started()).flatMap(launch -> launch.policy());
            if (policy.isEmpty()) {
                page.element("p", "Not known, or no network.");
                return;
            }
            page.element(
                    "p",
                    "Names may " + (policy.get().nameResolution() ? "" : "not ")
                            + "be asked for; what no rule allows is "
                            + (policy.get().denied().name().equals("REJECT") ? "refused." : "dropped."));
            page.markup("<ul>");
            policy.get().rules().forEach(rule -> page.element("li", rule.toString()));
            page.markup("</ul>");
        }

        /** Says so if there are none, or if some are left out. */
        private boolean none(Latest<?> all, String words) {
            if (all.count() == 0) {
                page.element("p", words);
                return true;
            }
            if (all.leftOut() > 0) {
                page.element("p", "The latest of " + all.count() + "; " + all.leftOut() + " before are left out.");
            }
            return false;
        }

        private <T> void table(List<String> heads, List<T> rows, Consumer<T> row) {
            page.markup("<div class=\"wide\"><table><thead><tr>");
            heads.forEach(head -> page.element("th", head));
            page.markup("</tr></thead><tbody>");
            rows.forEach(one -> {
                page.markup("<tr>");
                row.accept(one);
                page.markup("</tr>");
            });
            page.markup("</tbody></table></div>");
        }

        private void cell(String text) {
            page.element("td", text);
        }

        /** What is not broken into lines. */
        private void brief(String text) {
            page.markup("<td class=\"brief\">").text(text).markup("</td>");
        }

        private static String instant(Instant time) {
            return time.truncatedTo(ChronoUnit.MILLIS).toString();
        }

        /** The time of day, in UTC. */
        private static String time(Instant time) {
            return time.truncatedTo(ChronoUnit.SECONDS).toString().substring(11, 19);
        }

        private static String elapsed(Duration time) {
            return time.toMinutes() >= 2
                    ? time.toMinutes() + " min " + time.toSecondsPart() + " s"
                    : String.format(Locale.ROOT, "%.2f s", time.toMillis() / 1000.0);
        }
    }
}
