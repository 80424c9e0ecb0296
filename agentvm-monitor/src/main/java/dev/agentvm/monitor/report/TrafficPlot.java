package dev.agentvm.monitor.report;

import dev.agentvm.event.TrafficSampled;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;

/** Bytes per second, sent and received, over time. */
final class TrafficPlot {
    private static final double LEFT = 80;
    private static final double WIDTH = 800;
    private static final double TOP = 10;
    private static final double HEIGHT = 160;

    private TrafficPlot() {}

    private record Point(Instant time, double rate) {}

    static void draw(Html page, List<TrafficSampled> samples, Instant start, Instant end) {
        List<Point> sent = rates(samples, TrafficSampled::sentBytes);
        List<Point> received = rates(samples, TrafficSampled::receivedBytes);
        if (sent.isEmpty() && received.isEmpty()) {
            page.element("p", "Traffic was not sampled.");
            return;
        }
        double most = roundUp(Math.max(greatest(sent), greatest(received)));
        TimeAxis axis = new TimeAxis(start, end, LEFT, WIDTH);
        page.markup("<p><span class=\"key received\"></span> received <span class=\"key sent\"></span> sent</p>")
                .markup("<svg viewBox=\"0 0 900 200\" role=\"img\" aria-label=\"Traffic over time\">");
        axis.draw(page, TOP, TOP + HEIGHT);
        for (int i = 0; i <= 2; i++) {
            double y = TOP + HEIGHT - HEIGHT * i / 2;
            page.markup(
                            "<line class=\"grid\" x1=\"%1$.1f\" x2=\"%2$.1f\" y1=\"%3$.1f\" y2=\"%3$.1f\"/>",
                            LEFT, LEFT + WIDTH, y)
                    .markup("<text text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", LEFT - 6, y + 4)
                    .text(Describe.bytes(OptionalLong.of((long) (most * i / 2))) + "/s")
                    .markup("</text>");
        }
        line(page, "received", received, axis, most);
        line(page, "sent", sent, axis, most);
        page.markup("</svg>");
    }

    /** To a power of two, so that half of it is a round number of bytes too. */
    private static double roundUp(double rate) {
        double power = 2;
        while (power < rate) {
            power *= 2;
        }
        return power;
    }

    private static double greatest(List<Point> points) {
        return points.stream().mapToDouble(Point::rate).max().orElse(0);
    }

    private static List<Point> rates(List<TrafficSampled> samples, Function<TrafficSampled, OptionalLong> counter) {
        List<Point> points = new ArrayList<>();
        for (int i = 1; i < samples.size(); i++) {
            OptionalLong from = counter.apply(samples.get(i - 1));
            OptionalLong to = counter.apply(samples.get(i));
            double seconds =
                    Duration.between(samples.get(i - 1).time(), samples.get(i).time())
                                    .toMillis()
                            / 1000.0;
            if (from.isPresent() && to.isPresent() && to.getAsLong() >= from.getAsLong() && seconds > 0) {
                points.add(new Point(samples.get(i).time(), (to.getAsLong() - from.getAsLong()) / seconds));
            }
        }
        return points;
    }

    private static void line(Html page, String style, List<Point> points, TimeAxis axis, double most) {
        if (points.isEmpty()) {
            return;
        }
        page.markup("<polyline class=\"" + style + "\" points=\"");
        points.forEach(
                point -> page.markup("%.1f,%.1f ", axis.x(point.time), TOP + HEIGHT - HEIGHT * point.rate / most));
        page.markup("\"/>");
    }
}
