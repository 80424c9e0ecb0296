package dev.agentvm.spi;

import dev.agentvm.LaunchStep;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMRestored;
import dev.agentvm.metrics.Metric;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.metrics.Series;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.function.Function;

/** Reads measurements off events. Not thread-safe: one thread tells of them. */
final class EventMeter implements VMEventListener {
    /** The ends of VMs may be among the events that were lost: those are forgotten of which nothing was heard longest. */
    private static final int MAX_VMS = 4096;

    private static final int COUNTS_PER_VM = 4;

    private final MetricsSink sink;
    private final Map<UUID, Instant> launching = latest(MAX_VMS);
    private final Map<Sampled, Long> sampled = latest(MAX_VMS * COUNTS_PER_VM);
    /** What still comes of VMs that are gone was counted while they lived. */
    private final Map<UUID, Boolean> gone = latest(MAX_VMS);

    /** A count of a VM that only grows, until the VM is put back. */
    private record Sampled(UUID vm, Series series) {}

    EventMeter(MetricsSink sink) {
        this.sink = sink;
    }

    private static <K, V> Map<K, V> latest(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > most;
            }
        };
    }

    @Override
    public void onEvent(VMEvent event) {
        if (event instanceof LaunchStarted) {
            launching.put(event.vm().id(), event.time());
        } else if (event instanceof VMLaunched launched) {
            launchEnded(event, "launched", launched.steps());
        } else if (event instanceof LaunchFailed failed) {
            launchEnded(event, "failed", failed.steps());
        } else if (event instanceof VMRestored restored) {
            restored(restored);
        } else if (event instanceof VMClosed) {
            ended(event, "closed");
        } else if (event instanceof VMDied) {
            ended(event, "died");
        } else if (event instanceof CommandEnded command) {
            sink.time(Metric.COMMAND_DURATION.with(outcome(command)), command.duration());
        } else if (event instanceof ConnectionAttempted attempt) {
            sink.count(
                    Metric.CONNECTIONS.with(
                            HypervisorMetrics.tag(attempt.flow().direction()),
                            attempt.verdict().allowed() ? "allowed" : "denied"),
                    1);
        } else if (event instanceof TrafficSampled sample) {
            sampled(sample);
        } else if (event instanceof AnomalyDetected anomaly) {
            sink.count(Metric.ANOMALIES.with(anomaly.kind(), HypervisorMetrics.tag(anomaly.severity())), 1);
        } else if (event instanceof EventsLost lost) {
            sink.count(Metric.LOST.with(HypervisorMetrics.tag(lost.cause())), lost.count());
        }
    }

    private void launchEnded(VMEvent end, String outcome, Map<LaunchStep, Duration> steps) {
        Instant begin = launching.remove(end.vm().id());
        if (begin != null) {
            Instant time = end.time();
            sink.time(
                    Metric.LAUNCH_DURATION.with(outcome),
                    time.isBefore(begin) ? Duration.ZERO : Duration.between(begin, time));
        }
        steps(steps, Metric.LAUNCH_STEP_DURATION::with);
    }

    private void restored(VMRestored restored) {
        String kind = restored.snapshot().isPresent() ? "restore" : "reset";
        sink.time(Metric.RESTORE_DURATION.with(kind), restored.duration());
        steps(restored.steps(), step -> Metric.RESTORE_STEP_DURATION.with(kind, step));
        forget(restored);
    }

    private void steps(Map<LaunchStep, Duration> steps, Function<String, Series> series) {
        Duration before = Duration.ZERO;
        for (Map.Entry<LaunchStep, Duration> step : steps.entrySet()) {
            Duration took = step.getValue().minus(before);
            sink.time(series.apply(HypervisorMetrics.tag(step.getKey())), took.isNegative() ? Duration.ZERO : took);
            before = step.getValue();
        }
    }

    private void ended(VMEvent end, String how) {
        sink.count(Metric.VM_ENDS.with(how), 1);
        forget(end);
        gone.put(end.vm().id(), true);
    }

    /** What is counted of a VM begins anew, or no more. */
    private void forget(VMEvent event) {
        sampled.keySet().removeIf(count -> count.vm().equals(event.vm().id()));
    }

    private static String outcome(CommandEnded command) {
        if (command.exitCode().isPresent()) {
            return command.exitCode().getAsInt() == 0 ? "success" : "failure";
        }
        if (command.signal().isPresent()) {
            return "signal";
        }
        return command.timedOut() ? "timeout" : "error";
    }

    private void sampled(TrafficSampled sample) {
        if (gone.containsKey(sample.vm().id())) {
            return;
        }
        grown(sample, Metric.TRAFFIC_BYTES.with("sent"), sample.sentBytes());
        grown(sample, Metric.TRAFFIC_BYTES.with("received"), sample.receivedBytes());
        grown(sample, Metric.TRAFFIC_FRAMES.with("sent"), sample.sentPackets());
        grown(sample, Metric.TRAFFIC_FRAMES.with("received"), sample.receivedPackets());
    }

    private void grown(VMEvent sample, Series series, OptionalLong now) {
        now.ifPresent(count -> {
            Long before = sampled.put(new Sampled(sample.vm().id(), series), count);
            // It began anew if it is less.
            long growth = before == null || count < before ? count : count - before;
            if (growth > 0) {
                sink.count(series, growth);
            }
        });
    }
}
