package dev.agentvm.traces;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.NetworkAttachment;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * What one VM did for a while, under the default policy. Kept are the events that detectors look at, and what the
 * observer of the VM found by itself.
 *
 * @param header what was recorded
 * @param events attempts, answers to questions for names, samples and anomalies, in the order in which they were told
 */
public record Trace(Header header, List<VMEvent> events) {
    /**
     * What was recorded.
     *
     * @param name unlike that of any other trace of its folder
     * @param seed of all that was left to chance
     * @param began when the recording began
     * @param length how long it went on
     * @param attachment how the VM was attached
     * @param attack what it did that it should not; empty if it did ordinary work
     * @param steps what it did, a line for each step
     */
    public record Header(
            String name,
            long seed,
            Instant began,
            Duration length,
            NetworkAttachment attachment,
            Optional<Attack> attack,
            List<String> steps) {}

    /**
     * An attack.
     *
     * @param name which one
     * @param tool the command of it
     * @param began when, in the recording
     * @param expected kinds of anomalies that must be found
     * @param allowed kinds that may rightly be found besides
     */
    public record Attack(String name, String tool, Duration began, Set<String> expected, Set<String> allowed) {}

    /** Whether traces keep events of this kind. */
    public static boolean keeps(VMEvent event) {
        return event instanceof ConnectionAttempted
                || event instanceof NameResolved
                || event instanceof TrafficSampled
                || event instanceof AnomalyDetected;
    }

    /** Writes a file of JSON Lines, compressed: the header, then a line for each event. */
    public void write(Path file) {
        EventLines lines = new EventLines(header);
        try (Writer out =
                new OutputStreamWriter(new GZIPOutputStream(Files.newOutputStream(file)), StandardCharsets.UTF_8)) {
            out.write(HeaderLine.write(header) + "\n");
            for (VMEvent event : events) {
                out.write(lines.write(event) + "\n");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file.toString(), e);
        }
    }

    /** Reads what {@link #write} wrote. */
    public static Trace read(Path file) {
        try (BufferedReader in = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            Header header = HeaderLine.read(JsonLine.read(in.readLine()));
            EventLines lines = new EventLines(header);
            List<VMEvent> events = new ArrayList<>();
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                events.add(lines.read(JsonLine.read(line)));
            }
            return new Trace(header, events);
        } catch (IOException | RuntimeException e) {
            throw new IllegalArgumentException("not a trace: " + file, e);
        }
    }
}
