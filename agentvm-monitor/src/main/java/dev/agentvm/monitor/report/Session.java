package dev.agentvm.monitor.report;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAllowed;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionClosed;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** What is kept of one VM for its report: a bounded amount, whatever the VM does. Not thread-safe. */
final class Session {
    private static final int COMMANDS = 500;
    private static final int ATTEMPTS = 2000;
    /** Of those that are allowed, and of those that are denied: neither hides the other. */
    private static final int CONTACTS = 500;

    private static final int ANOMALIES = 200;
    private static final int NOTES = 200;
    private static final int SAMPLES = 1000;
    private static final int LONGEST_COMMAND = 2000;

    private final VMIdentity vm;
    private @Nullable LaunchStarted started;
    private @Nullable VMLaunched launched;
    private @Nullable VMEvent end;
    private VMEvent first;
    private VMEvent last;

    private final Latest<CommandEnded> commands = new Latest<>(COMMANDS);
    private final Latest<ConnectionAttempted> attempts = new Latest<>(ATTEMPTS);
    private final Latest<AnomalyDetected> anomalies = new Latest<>(ANOMALIES);
    private final Latest<VMEvent> notes = new Latest<>(NOTES);
    private final Map<Contact.Key, Contact> contacts = new LinkedHashMap<>();
    private long contactsAllowed;
    private long attemptsOfOtherContacts;
    private long allowed;
    private OptionalLong sent = OptionalLong.empty();
    private OptionalLong received = OptionalLong.empty();
    private long alerts;
    private List<TrafficSampled> samples = new ArrayList<>();
    private @Nullable TrafficSampled latestSample;
    private int samplesPerKept = 1;
    private int samplesSkipped;

    Session(VMEvent event) {
        vm = event.vm();
        first = event;
        last = event;
    }

    void add(VMEvent event) {
        last = event;
        if (event instanceof LaunchStarted launch) {
            started = launch;
        } else if (event instanceof VMLaunched launch) {
            launched = launch;
        } else if (event instanceof VMClosed || event instanceof VMDied || event instanceof LaunchFailed) {
            end = event;
        } else if (event instanceof CommandEnded command) {
            commands.add(shortened(command));
        } else if (event instanceof ConnectionAttempted attempt) {
            add(attempt);
        } else if (event instanceof ConnectionClosed closed) {
            Contact contact = contacts.get(Contact.Key.of(closed));
            if (contact != null) {
                contact.add(closed);
            }
        } else if (event instanceof TrafficSampled sample) {
            add(sample);
        } else if (event instanceof AnomalyDetected anomaly) {
            alerts += anomaly.severity() == Severity.ALERT ? 1 : 0;
            anomalies.add(anomaly);
        } else if (event instanceof VMRestored
                || event instanceof VMPaused
                || event instanceof VMResumed
                || event instanceof PolicyChanged
                || event instanceof ResponseTaken
                || event instanceof ObservationLimited
                || event instanceof EventsLost) {
            notes.add(event);
        }
    }

    private static CommandEnded shortened(CommandEnded command) {
        String line = Describe.command(command);
        return command.argv().stream().mapToInt(String::length).sum() <= LONGEST_COMMAND
                ? command
                : command.withArgv(line.substring(0, Math.min(line.length(), LONGEST_COMMAND)) + "…");
    }

    private void add(ConnectionAttempted attempt) {
        attempts.add(attempt);
        allowed += attempt instanceof ConnectionAllowed ? 1 : 0;
        Contact.Key key = Contact.Key.of(attempt);
        Contact contact = contacts.get(key);
        long alike = key.allowed() ? contactsAllowed : contacts.size() - contactsAllowed;
        if (contact == null && alike < CONTACTS) {
            contact = new Contact(attempt);
            contacts.put(key, contact);
            contactsAllowed += key.allowed() ? 1 : 0;
        }
        if (contact == null) {
            attemptsOfOtherContacts++;
        } else {
            contact.add(attempt);
        }
    }

    /** When there are too many, every second is dropped, and from then on half as many are kept. */
    private void add(TrafficSampled sample) {
        sent = sum(sent, latestSample == null ? OptionalLong.empty() : latestSample.sentBytes(), sample.sentBytes());
        received = sum(
                received,
                latestSample == null ? OptionalLong.empty() : latestSample.receivedBytes(),
                sample.receivedBytes());
        latestSample = sample;
        if (++samplesSkipped < samplesPerKept) {
            return;
        }
        samplesSkipped = 0;
        samples.add(sample);
        if (samples.size() > SAMPLES) {
            List<TrafficSampled> half = new ArrayList<>();
            for (int i = 0; i < samples.size(); i += 2) {
                half.add(samples.get(i));
            }
            samples = half;
            samplesPerKept *= 2;
        }
    }

    /** A restore begins the count anew. */
    private static OptionalLong sum(OptionalLong total, OptionalLong before, OptionalLong now) {
        if (now.isEmpty()) {
            return total;
        }
        long step = now.getAsLong() - before.orElse(0);
        return OptionalLong.of(total.orElse(0) + (step < 0 ? now.getAsLong() : step));
    }

    VMIdentity vm() {
        return vm;
    }

    @Nullable LaunchStarted started() {
        return started;
    }

    @Nullable VMLaunched launched() {
        return launched;
    }

    @Nullable VMEvent end() {
        return end;
    }

    VMEvent first() {
        return first;
    }

    VMEvent last() {
        return last;
    }

    Latest<CommandEnded> commands() {
        return commands;
    }

    Latest<ConnectionAttempted> attempts() {
        return attempts;
    }

    Latest<AnomalyDetected> anomalies() {
        return anomalies;
    }

    Latest<VMEvent> notes() {
        return notes;
    }

    List<Contact> contacts() {
        return List.copyOf(contacts.values());
    }

    long attemptsOfOtherContacts() {
        return attemptsOfOtherContacts;
    }

    long allowed() {
        return allowed;
    }

    long alerts() {
        return alerts;
    }

    List<TrafficSampled> samples() {
        return List.copyOf(samples);
    }

    /** All bytes, over restores too; empty if they were not counted. */
    OptionalLong sent() {
        return sent;
    }

    /** The same. */
    OptionalLong received() {
        return received;
    }
}
