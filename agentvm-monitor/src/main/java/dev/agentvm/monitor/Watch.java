package dev.agentvm.monitor;

import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All that is known of one VM: its detectors, and what was told of it lately. Not thread-safe. */
final class Watch {
    private final List<Detector> detectors;
    private final Duration quiet;
    private final Map<String, Told> told = new HashMap<>();

    private record Told(Instant time, Severity severity) {}

    Watch(Thresholds thresholds) {
        detectors = Detectors.all(thresholds);
        quiet = thresholds.quiet();
    }

    /** What is to be told of this event. */
    List<Finding> inspect(VMEvent event) {
        List<Finding> news = new ArrayList<>();
        for (Detector detector : detectors) {
            detector.inspect(event)
                    .filter(finding -> isNews(finding, event.time()))
                    .ifPresent(finding -> {
                        told.put(finding.kind(), new Told(event.time(), finding.severity()));
                        news.add(finding);
                    });
        }
        return news;
    }

    private boolean isNews(Finding finding, Instant now) {
        @Nullable Told last = told.get(finding.kind());
        return last == null
                || finding.severity().compareTo(last.severity) > 0
                || Duration.between(last.time, now).abs().compareTo(quiet) >= 0;
    }
}
