package dev.agentvm.monitor;

import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Events of one VM, on a time of their own. */
public final class Story {
    public static final Instant START = Instant.parse("2026-03-01T12:00:00Z");
    public static final VMIdentity VM = VMIdentity.of(new UUID(0, 1), "vm");
    public static final NetworkPolicy POLICY = NetworkPolicy.agentDefault();
    /** An address by its number, public. */
    private static final int PUBLIC = IPv4Address.of("20.0.0.0").bits();

    private Story() {}

    public static Instant at(double seconds) {
        return START.plusNanos(Math.round(seconds * 1e9));
    }

    public static String host(int number) {
        return IPv4Address.ofBits(PUBLIC + number).toString();
    }

    public static ConnectionAttempted attempt(double seconds, Flow flow) {
        return attempt(seconds, flow, null);
    }

    public static ConnectionAttempted attempt(
            double seconds, Flow flow, @org.jspecify.annotations.Nullable String name) {
        return ConnectionAttempted.of(at(seconds), VM, flow, POLICY.evaluate(flow), Optional.ofNullable(name));
    }

    public static ConnectionAttempted tcp(double seconds, int host, int port) {
        return attempt(seconds, Flow.tcp(host(host), port));
    }

    public static NameResolved answer(double seconds, String name) {
        return answer(seconds, name, NameResolved.NO_ERROR);
    }

    public static NameResolved answer(double seconds, String name, int responseCode) {
        return new NameResolved.Builder()
                .time(at(seconds))
                .vm(VM)
                .query(name)
                .type(NameResolved.A)
                .responseCode(responseCode)
                .build();
    }

    /** A sample with nothing counted. */
    public static TrafficSampled.Builder sample(double seconds) {
        return new TrafficSampled.Builder().time(at(seconds)).vm(VM).interval(Duration.ofSeconds(1));
    }

    static List<Finding> inspect(Detector detector, List<? extends dev.agentvm.event.VMEvent> events) {
        return events.stream()
                .flatMap(event -> detector.inspect(event).stream())
                .toList();
    }
}
