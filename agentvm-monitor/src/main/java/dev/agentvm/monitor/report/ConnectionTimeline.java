package dev.agentvm.monitor.report;

import dev.agentvm.event.ConnectionAttempted;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One row for each of those a VM talked to most, with a dot for each attempt. */
final class ConnectionTimeline {
    private static final int ROWS = 30;
    private static final double ROW = 18;
    private static final double LEFT = 320;
    private static final double WIDTH = 560;
    private static final double TOP = 8;
    private static final int LONGEST_NAME = 44;

    private ConnectionTimeline() {}

    static void draw(Html page, List<ConnectionAttempted> attempts, Instant start, Instant end) {
        Map<String, List<ConnectionAttempted>> byPeer = new LinkedHashMap<>();
        attempts.forEach(attempt -> byPeer.computeIfAbsent(
                        Describe.peer(attempt.flow(), attempt.name()), any -> new ArrayList<>())
                .add(attempt));
        if (byPeer.isEmpty()) {
            page.element("p", "No connection was seen.");
            return;
        }
        List<Map.Entry<String, List<ConnectionAttempted>>> rows = byPeer.entrySet().stream()
                .sorted(Comparator.comparingInt((Map.Entry<String, List<ConnectionAttempted>> row) ->
                        -row.getValue().size()))
                .limit(ROWS)
                .toList();
        double bottom = TOP + ROW * rows.size();
        TimeAxis axis = new TimeAxis(start, end, LEFT, WIDTH);
        page.markup("<p><span class=\"key allowed\"></span> allowed <span class=\"key denied\"></span> denied</p>")
                .markup(
                        "<svg viewBox=\"0 0 900 %.0f\" role=\"img\" aria-label=\"Connections over time\">",
                        bottom + 22);
        axis.draw(page, TOP, bottom);
        for (int i = 0; i < rows.size(); i++) {
            double y = TOP + ROW * i + ROW / 2;
            page.markup("<text text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", LEFT - 10, y + 4)
                    .text(cut(rows.get(i).getKey()))
                    .markup("</text>");
            for (ConnectionAttempted attempt : rows.get(i).getValue()) {
                page.markup("<circle class=\"" + (attempt.verdict().allowed() ? "allowed" : "denied") + "\"")
                        .markup(" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>", axis.x(attempt.time()), y);
            }
        }
        page.markup("</svg>");
        if (byPeer.size() > rows.size()) {
            page.element("p", (byPeer.size() - rows.size()) + " others are left out of the drawing.");
        }
    }

    private static String cut(String name) {
        return name.length() <= LONGEST_NAME ? name : name.substring(0, LONGEST_NAME - 1) + "…";
    }
}
