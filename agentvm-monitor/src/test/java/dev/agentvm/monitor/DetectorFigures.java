package dev.agentvm.monitor;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.VMEvent;
import dev.agentvm.traces.Trace;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** How well the detectors tell attacks from ordinary work, by traces of both. */
final class DetectorFigures {
    /** What an attack must be found as an alert for. */
    private static final List<String> ALERTS = List.of(
            AnomalyKinds.DENIED_BURST,
            AnomalyKinds.PORT_SCAN,
            AnomalyKinds.ADDRESS_SCAN,
            AnomalyKinds.DNS_TUNNEL,
            AnomalyKinds.UNKNOWN_NAMES,
            AnomalyKinds.BEACONING,
            AnomalyKinds.MINING_POOL,
            AnomalyDetected.POLICY_CONTRADICTED);
    /** For these a notice is enough. */
    private static final List<String> NOTICES = List.of(
            AnomalyKinds.NEW_DESTINATIONS,
            AnomalyKinds.CONNECTION_RATE,
            AnomalyKinds.UPLOAD_VOLUME,
            AnomalyKinds.UPLOAD_RATIO,
            AnomalyKinds.SUSTAINED_CPU,
            AnomalyKinds.DISK_WRITES,
            AnomalyKinds.UNUSUAL_CPU,
            AnomalyKinds.UNUSUAL_MEMORY,
            AnomalyKinds.UNUSUAL_TRAFFIC,
            AnomalyKinds.UNUSUAL_DISK);

    static final List<String> KINDS =
            Stream.concat(ALERTS.stream(), NOTICES.stream()).toList();

    private final List<Played> played;

    private record Played(Trace trace, List<AnomalyDetected> found) {
        private boolean isAttack() {
            return trace.header().attack().isPresent();
        }

        private Stream<AnomalyDetected> found(String kind, Severity severity) {
            return found.stream().filter(anomaly -> anomaly.kind().equals(kind) && anomaly.severity() == severity);
        }

        private Instant attackBegan() {
            return trace.header()
                    .attack()
                    .map(attack -> trace.header().began().plus(attack.began()))
                    .orElse(Instant.MAX);
        }

        private boolean expects(String kind) {
            return trace.header()
                    .attack()
                    .filter(attack -> attack.expected().contains(kind))
                    .isPresent();
        }

        private boolean isRight(AnomalyDetected anomaly) {
            return !anomaly.time().isBefore(attackBegan())
                    && trace.header()
                            .attack()
                            .filter(attack -> attack.expected().contains(anomaly.kind())
                                    || attack.allowed().contains(anomaly.kind()))
                            .isPresent();
        }
    }

    /** The figures of one detector. */
    record Row(String kind, Severity severity, long attacks, long detected, long falseFindings) {
        double recall() {
            return (double) detected / attacks;
        }

        double precision() {
            return (double) detected / (detected + falseFindings);
        }
    }

    private DetectorFigures(List<Played> played) {
        this.played = played;
    }

    static DetectorFigures of(List<Trace> traces, Thresholds thresholds) {
        return new DetectorFigures(traces.stream()
                .map(trace -> new Played(trace, anomalies(trace, thresholds)))
                .toList());
    }

    /** What is found in a trace, and what the observer of the VM had found when it was recorded. */
    private static List<AnomalyDetected> anomalies(Trace trace, Thresholds thresholds) {
        List<AnomalyDetected> found = new ArrayList<>();
        AnomalyMonitor monitor = new AnomalyMonitor(thresholds, found::add);
        for (VMEvent event : trace.events()) {
            if (event instanceof AnomalyDetected anomaly) {
                found.add(anomaly);
            }
            monitor.onEvent(event);
        }
        return found;
    }

    List<Row> rows() {
        return KINDS.stream().map(this::row).toList();
    }

    private Row row(String kind) {
        Severity severity = ALERTS.contains(kind) ? Severity.ALERT : Severity.NOTICE;
        List<Played> attacks =
                played.stream().filter(each -> each.expects(kind)).toList();
        return new Row(
                kind,
                severity,
                attacks.size(),
                attacks.stream()
                        .filter(each -> each.found(kind, severity).anyMatch(each::isRight))
                        .count(),
                played.stream()
                        .flatMap(each -> each.found(kind, severity).filter(anomaly -> !each.isRight(anomaly)))
                        .count());
    }

    /** All alerts at ordinary work, of whatever kind. */
    long falseAlerts() {
        return ordinaryWork()
                .flatMap(each -> each.found().stream())
                .filter(anomaly -> anomaly.severity() == Severity.ALERT)
                .count();
    }

    /** How long VMs were at ordinary work. */
    double hours() {
        return ordinaryWork()
                        .map(each -> each.trace().header().length())
                        .reduce(Duration.ZERO, Duration::plus)
                        .toSeconds()
                / 3600.0;
    }

    private Stream<Played> ordinaryWork() {
        return played.stream().filter(each -> !each.isAttack());
    }

    /** What was missed or wrongly found, a line for each. */
    List<String> faults() {
        List<String> faults = new ArrayList<>();
        for (Played each : played) {
            String name = each.trace().header().name();
            each.found().stream()
                    .filter(anomaly -> anomaly.severity() == Severity.ALERT && !each.isRight(anomaly))
                    .forEach(anomaly -> faults.add(name + ": wrongly " + anomaly.kind() + " at "
                            + Duration.between(each.trace().header().began(), anomaly.time()) + ": "
                            + anomaly.message()));
            for (String kind : KINDS) {
                Severity severity = ALERTS.contains(kind) ? Severity.ALERT : Severity.NOTICE;
                if (each.expects(kind) && each.found(kind, severity).noneMatch(each::isRight)) {
                    faults.add(name + ": missed " + kind);
                }
            }
        }
        return faults;
    }

    /** The figures as a table of Markdown. */
    String table() {
        long attacks = played.stream().filter(Played::isAttack).count();
        return String.format(
                        Locale.ROOT,
                        "%d attacks, and %.1f VM-hours of ordinary work with %d false alerts:%n%n",
                        attacks,
                        hours(),
                        falseAlerts())
                + "| kind | found as | attacks | found | recall | wrongly found | precision |\n"
                + "| --- | --- | --- | --- | --- | --- | --- |\n"
                + rows().stream().map(DetectorFigures::line).collect(Collectors.joining("\n"));
    }

    private static String line(Row row) {
        return String.format(
                Locale.ROOT,
                "| `%s` | %s | %s | %s | %s | %d | %s |",
                row.kind(),
                row.severity().name().toLowerCase(Locale.ROOT),
                row.attacks() == 0 ? "none" : Long.toString(row.attacks()),
                row.attacks() == 0 ? "" : Long.toString(row.detected()),
                row.attacks() == 0 ? "" : String.format(Locale.ROOT, "%.2f", row.recall()),
                row.falseFindings(),
                row.detected() == 0 ? "" : String.format(Locale.ROOT, "%.2f", row.precision()));
    }
}
