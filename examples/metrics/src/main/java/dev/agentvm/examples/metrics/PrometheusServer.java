package dev.agentvm.examples.metrics;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.micrometer.MicrometerMetrics;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.stream.DoubleStream;

/** Keeps metrics and answers {@code GET /metrics} with them, for Prometheus to scrape. Safe for use by many threads. */
final class PrometheusServer implements AutoCloseable {
    /** In seconds: from a command that returns at once to a launch that takes minutes. */
    private static final double[] BUCKETS = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final MetricsSink sink = new MicrometerMetrics(registry);
    private final HttpServer server;

    private PrometheusServer(HttpServer server) {
        this.server = server;
        registry.config().meterFilter(new Histograms());
        server.createContext("/metrics", this::answer);
        server.start();
    }

    /**
     * Serves at that address.
     *
     * @param address one of this machine alone, unless who else reaches it may know what its VMs do; port 0 for any
     */
    static PrometheusServer start(InetSocketAddress address) throws IOException {
        return new PrometheusServer(HttpServer.create(address, 0));
    }

    /** Who is to be given what is measured. */
    MetricsSink sink() {
        return sink;
    }

    /** Where it serves. */
    URI uri() {
        InetSocketAddress address = server.getAddress();
        return URI.create("http://" + address.getHostString() + ":" + address.getPort() + "/metrics");
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!exchange.getRequestMethod().equals("GET")) {
                exchange.sendResponseHeaders(405, -1);
                return;
            }
            byte[] body = registry.scrape().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
            exchange.sendResponseHeaders(200, body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        }
    }

    @Override
    public void close() {
        server.stop(0);
        registry.close();
    }

    /** Gives each timer buckets, so that Prometheus can tell quantiles of all programs together. */
    private static final class Histograms implements MeterFilter {
        @Override
        public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
            return DistributionStatisticConfig.builder()
                    .serviceLevelObjectives(DoubleStream.of(BUCKETS)
                            .map(seconds -> seconds * Duration.ofSeconds(1).toNanos())
                            .toArray())
                    .build()
                    .merge(config);
        }
    }
}
