package dev.agentvm.examples.watch;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lays out what is to be shown, for a screen of any size. */
final class Table {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);
    private static final int LEAST_NAME = 8;
    private static final int MOST_NAME = 24;
    /** Less of the last column is not worth its place. */
    private static final int LEAST_LAST = 20;
    /** How many lines of news there are at least, where there are as many. */
    private static final int LEAST_NEWS = 3;

    private static final int MOST_ALERTS = 3;

    private Table() {}

    /** A column between the first and the last; where there is no place, those with the greatest weight go first. */
    private record Column(String title, int width, int weight, BiFunction<Row, Instant, String> text) {}

    private static final List<Column> COLUMNS = List.of(
            new Column("STATE", 9, 3, (row, now) -> row.state()),
            new Column(
                    "AGE",
                    6,
                    5,
                    (row, now) -> row.since()
                            .map(since -> age(Duration.between(since, now)))
                            .orElse("-")),
            new Column("SENT/s", 8, 4, (row, now) -> bytes(row.sentPerSecond())),
            new Column("RECV/s", 8, 4, (row, now) -> bytes(row.receivedPerSecond())),
            new Column("ALLOWED", 7, 2, (row, now) -> count(row.allowed(), row.partly(), 7)),
            new Column("DENIED", 6, 1, (row, now) -> count(row.denied(), row.partly(), 6)),
            new Column("ALERTS", 6, 0, (row, now) -> count(row.alerts(), row.partly(), 6)));

    /**
     * All lines, none wider than {@code width}, not more than {@code height}.
     *
     * @param width of the screen, in columns, at least 1
     * @param height of the screen, in lines, at least 1
     */
    static List<Line> lines(View view, int width, int height) {
        List<Line> lines = new ArrayList<>();
        lines.add(line(summary(view), width, Line.Tone.TITLE));
        view.trouble().ifPresent(trouble -> lines.add(line("out of date: " + trouble, width, Line.Tone.ALERT)));
        int below = Math.min(view.alerts().size(), MOST_ALERTS)
                + Math.min(view.news().size(), LEAST_NEWS);
        lines.addAll(vms(view, width, Math.max(2, height - lines.size() - 1 - below)));
        lines.add(line("", width, Line.Tone.PLAIN));
        Stream.concat(view.alerts().stream().limit(MOST_ALERTS), view.news().stream())
                .limit(Math.max(0, height - lines.size()))
                .map(news -> line(text(news), width, news.tone()))
                .forEach(lines::add);
        return lines.subList(0, Math.min(lines.size(), height));
    }

    private static String text(News news) {
        String times = news.times() == 1 ? "" : " (" + news.times() + " times)";
        return TIME.format(news.time()) + " " + Plain.cut(news.vm(), MOST_NAME) + " " + news.text() + times;
    }

    private static String summary(View view) {
        int vms = view.rows().size();
        long denied =
                view.rows().stream().mapToLong(row -> row.denied().orElse(0)).sum();
        long alerts =
                view.rows().stream().mapToLong(row -> row.alerts().orElse(0)).sum();
        // What other programs' VMs do is not known here, and no 0.
        String more = view.rows().stream()
                        .anyMatch(row -> row.partly() || row.denied().isEmpty())
                ? "+"
                : "";
        return vms + (vms == 1 ? " VM  " : " VMs  ") + denied + more + " denied  " + alerts + more
                + (alerts == 1 ? " alert  " : " alerts  ") + TIME.format(view.time()) + " UTC";
    }

    private static List<Line> vms(View view, int width, int height) {
        List<Line> lines = new ArrayList<>();
        int nameWidth = Math.max(
                LEAST_NAME,
                Math.min(
                        MOST_NAME,
                        view.rows().stream()
                                .mapToInt(row -> row.name().length())
                                .max()
                                .orElse(0)));
        List<Column> columns = fitting(width - nameWidth);
        lines.add(line(
                Plain.fit("VM", nameWidth)
                        + columns.stream()
                                .map(column -> " " + Plain.right(column.title(), column.width()))
                                .collect(Collectors.joining())
                        + "  LAST",
                width,
                Line.Tone.FAINT));
        int shown = view.rows().size() <= height - 1 ? view.rows().size() : Math.max(0, height - 2);
        for (Row row : view.rows().subList(0, shown)) {
            String cells = columns.stream()
                    .map(column -> " " + Plain.right(column.text().apply(row, view.time()), column.width()))
                    .collect(Collectors.joining());
            String text =
                    Plain.fit(row.name(), nameWidth) + cells + "  " + row.last().orElse("");
            lines.add(line(text, width, row.hasAlerts() ? Line.Tone.ALERT : Line.Tone.PLAIN));
        }
        if (shown < view.rows().size()) {
            lines.add(line("... and " + (view.rows().size() - shown) + " more", width, Line.Tone.FAINT));
        }
        return lines;
    }

    /** The columns for which there is place, beside one for what was last. */
    private static List<Column> fitting(int width) {
        List<Column> columns = new ArrayList<>(COLUMNS);
        while (columns.stream().mapToInt(column -> column.width() + 1).sum() + LEAST_LAST > width
                && columns.size() > 1) {
            int heaviest = columns.stream().mapToInt(Column::weight).max().orElse(0);
            columns.removeIf(column -> column.weight() == heaviest);
        }
        return columns;
    }

    private static Line line(String text, int width, Line.Tone tone) {
        return new Line(Plain.fit(text, width).stripTrailing(), tone);
    }

    private static String age(Duration age) {
        long seconds = Math.max(0, age.toSeconds());
        if (seconds < 100) {
            return seconds + "s";
        }
        if (seconds < 100 * 60) {
            return seconds / 60 + "m";
        }
        return seconds < 100 * 3600 ? seconds / 3600 + "h" : seconds / 86400 + "d";
    }

    /** What is not known is no 0, and what was partly seen may be more. */
    private static String count(OptionalLong count, boolean partly, int width) {
        if (count.isEmpty()) {
            return "-";
        }
        long all = count.getAsLong();
        String more = partly ? "+" : "";
        if ((all + more).length() <= width) {
            return all + more;
        }
        return (all < 1_000_000 ? all / 1000 + "K" : all / 1_000_000 + "M") + more;
    }

    private static String bytes(OptionalLong perSecond) {
        if (perSecond.isEmpty()) {
            return "-";
        }
        double value = perSecond.getAsLong();
        for (String unit : new String[] {"B", "K", "M"}) {
            if (value < 1000) {
                return String.format(Locale.ROOT, unit.equals("B") ? "%.0f%s" : "%.1f%s", value, unit);
            }
            value /= 1024;
        }
        return String.format(Locale.ROOT, "%.1fG", value);
    }
}
