package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What probes found, and what was promised of each. */
final class ProbeTable {
    private static final String UNTRIED = "-";

    private final List<ProbeColumn> columns;
    private final Map<ProbeColumn, String> launches = new EnumMap<>(ProbeColumn.class);
    private final Map<String, Map<ProbeColumn, Boolean>> allowed = new LinkedHashMap<>();
    private final Map<String, Map<ProbeColumn, Boolean>> denied = new LinkedHashMap<>();

    private final Map<String, Map<ProbeColumn, Boolean>> refused = new LinkedHashMap<>();

    private final List<String> wronglyTold = new ArrayList<>();

    ProbeTable(ProbeColumn... columns) {
        this.columns = List.of(columns);
    }

    void started(ProbeColumn column) {
        launches.put(column, "starts");
    }

    /** No VM starts, so nothing passes. */
    void refused(ProbeColumn column) {
        launches.put(column, "refused");
    }

    /** What must pass. */
    void allowed(String probe, ProbeColumn column, boolean passed) {
        note(allowed, probe, column, passed);
    }

    /** What must pass without a filter, and must not with one. */
    void denied(String probe, ProbeColumn column, boolean passed) {
        note(denied, probe, column, passed);
    }

    /** What must pass without a filter, must not where REJECT is in force as such, and may elsewhere. */
    void deniedByRefusing(String probe, ProbeColumn column, boolean passed) {
        note(refused, probe, column, passed);
    }

    /** How what listeners were told of a VM differs from what was tried. */
    void told(ProbeColumn column, String vm, List<String> differences) {
        differences.forEach(difference -> wronglyTold.add("column '" + column + "', " + vm + ": " + difference));
    }

    private void note(Map<String, Map<ProbeColumn, Boolean>> rows, String probe, ProbeColumn column, boolean passed) {
        Boolean before = rows.computeIfAbsent(probe, unused -> new EnumMap<>(ProbeColumn.class))
                .put(column, passed);
        assertThat(before).as("%s is noted twice for %s", probe, column).isNull();
    }

    void verify() {
        List<String> wrong = new ArrayList<>();
        allowed.forEach((probe, results) -> check(probe, column -> true, results, wrong));
        denied.forEach((probe, results) -> check(probe, column -> false, results, wrong));
        refused.forEach((probe, results) -> check(probe, column -> !column.refuses(), results, wrong));
        assertThat(wrong).as("%s", this).isEmpty();
        assertThat(wronglyTold).as("what listeners were told").isEmpty();
        assertThat(launches.keySet()).containsExactlyInAnyOrderElementsOf(columns);
    }

    private static void check(
            String probe, Predicate<ProbeColumn> promised, Map<ProbeColumn, Boolean> results, List<String> wrong) {
        results.forEach((column, passed) -> {
            boolean right = switch (column.card()) {
                case UNFILTERED -> passed;
                case FILTERED -> passed == promised.test(column);
                case NONE -> !passed;
            };
            if (!right) {
                wrong.add(probe + (passed ? " passes in the column '" : " fails in the column '") + column + "'");
            }
            if (!results.containsKey(column.control())) {
                wrong.add(probe + " is tried in the column '" + column + "' and not without a filter");
            }
        });
    }

    /** As Markdown. */
    @Override
    public String toString() {
        StringBuilder table = new StringBuilder();
        row(table, "probe", "promised", ProbeColumn::toString);
        row(table, "---", "---", column -> "---");
        row(table, "launch of the VM", "", column -> launches.getOrDefault(column, UNTRIED));
        allowed.forEach((probe, results) -> row(table, probe, "passes", column -> cell(results.get(column))));
        denied.forEach((probe, results) -> row(table, probe, "fails", column -> cell(results.get(column))));
        refused.forEach(
                (probe, results) -> row(table, probe, "fails under REJECT", column -> cell(results.get(column))));
        return table.toString();
    }

    private static String cell(@Nullable Boolean passed) {
        return passed == null ? UNTRIED : passed ? "passes" : "fails";
    }

    private void row(StringBuilder table, String probe, String promise, Function<ProbeColumn, String> cells) {
        table.append("| ")
                .append(probe)
                .append(" | ")
                .append(promise)
                .append(columns.stream().map(cells).collect(Collectors.joining(" | ", " | ", " |\n")));
    }

    /** The threat model says what this found, or is made to with {@code -Dagentvm.docs=write}. */
    void publish(String section) throws IOException {
        Path document = Path.of(Lab.environment("AGENTVM_LAB_HOME")).resolveSibling("docs/threat-model.md");
        String text = Files.readString(document);
        String begin = "<!-- " + section + ": written by ProbeMatrixIT -->\n";
        int from = text.indexOf(begin) + begin.length();
        int to = text.indexOf("<!-- end of " + section + " -->");
        assertThat(to).as("the marks of %s in %s", section, document).isGreaterThanOrEqualTo(from);
        String now = "\n" + this + "\n";
        if (Objects.equals(System.getProperty("agentvm.docs"), "write")) {
            Files.writeString(document, text.substring(0, from) + now + text.substring(to));
        } else {
            assertThat(text.substring(from, to)).isEqualTo(now);
        }
    }
}
