package dev.agentvm.monitor;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All that is known of one VM: its detectors, and what was told of it lately. Not thread-safe. */
final class Watch {
    private static final Logger LOG = LoggerFactory.getLogger(Watch.class);

    private final List<Detector> detectors;
    private final Duration quiet;
    /** The detectors of which was said that they failed. */
    private final Set<Detector> failed = new HashSet<>();

    private final Map<String, Told> told = new HashMap<>();

    private record Told(Instant time, Severity severity) {}

    Watch(Thresholds thresholds) {
        this(Detectors.all(thresholds), thresholds.quiet());
    }

    Watch(List<Detector> detectors, Duration quiet) {
        this.detectors = detectors;
        this.quiet = quiet;
    }

    /** What is to be told of this event. */
    List<Finding> inspect(VMEvent event) {
        List<Finding> news = new ArrayList<>();
        for (Detector detector : detectors) {
            finding(detector, event)
                    .filter(finding -> isNews(finding, event.time()))
                    .ifPresent(finding -> {
                        told.put(finding.kind(), new Told(event.time(), finding.severity()));
                        news.add(finding);
                    });
        }
        return news;
    }

    /** A detector that fails leaves the others to theirs. */
    private Optional<Finding> finding(Detector detector, VMEvent event) {
        try {
            return detector.inspect(event);
        } catch (RuntimeException e) {
            if (failed.add(detector)) {
                LOG.warn(
                        "{} failed for {}, which is said once; it may miss what it is to find",
                        detector.getClass().getSimpleName(),
                        event.vm(),
                        e);
            }
            return Optional.empty();
        }
    }

    private boolean isNews(Finding finding, Instant now) {
        @Nullable Told last = told.get(finding.kind());
        return last == null
                || finding.severity().compareTo(last.severity) > 0
                || Duration.between(last.time, now).abs().compareTo(quiet) >= 0;
    }
}
