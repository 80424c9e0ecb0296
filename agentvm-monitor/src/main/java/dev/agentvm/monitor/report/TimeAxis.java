package dev.agentvm.monitor.report;

import java.time.Duration;
import java.time.Instant;
import java.util.Locale;

/** Times on the horizontal axis of a drawing. */
final class TimeAxis {
    private final Instant start;
    private final double seconds;
    private final double left;
    private final double width;

    TimeAxis(Instant start, Instant end, double left, double width) {
        this.start = start;
        this.seconds = Math.max(1, Duration.between(start, end).toMillis() / 1000.0);
        this.left = left;
        this.width = width;
    }

    double x(Instant time) {
        double at = Duration.between(start, time).toMillis() / 1000.0 / seconds;
        return left + width * Math.min(1, Math.max(0, at));
    }

    /** Lines and times, from {@code top} to {@code bottom}. */
    void draw(Html svg, double top, double bottom) {
        for (int i = 0; i <= 4; i++) {
            double x = left + width * i / 4;
            svg.markup("<line class=\"grid\" x1=\"%1$.1f\" x2=\"%1$.1f\" y1=\"%2$.1f\" y2=\"%3$.1f\"/>", x, top, bottom)
                    // The last would not fit in.
                    .markup(
                            "<text text-anchor=\"" + (i < 4 ? "middle" : "end") + "\" x=\"%.1f\" y=\"%.1f\">",
                            x,
                            bottom + 14)
                    .text(elapsed(seconds * i / 4))
                    .markup("</text>");
        }
    }

    private static String elapsed(double time) {
        if (time < 120) {
            return String.format(Locale.ROOT, "%.0f s", time);
        }
        return time < 7200
                ? String.format(Locale.ROOT, "%.1f min", time / 60)
                : String.format(Locale.ROOT, "%.1f h", time / 3600);
    }
}
