package dev.agentvm.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ReportingTest {
    private static final Section SECTION = new Section("launch", "new\n", List.of());

    @Test
    void spread_oddAndEvenNumbers_hasTheMiddle() {
        assertThat(Spread.of(List.of(3.0, 1.0, 9.0))).isEqualTo(new Spread(3, 1, 9));
        assertThat(Spread.of(List.of(4.0, 1.0, 2.0, 9.0))).isEqualTo(new Spread(3, 1, 9));
        assertThatIllegalArgumentException().isThrownBy(() -> Spread.of(List.of()));
    }

    @Test
    void quantiles_aHundredTimes_theLastButOneIsThe99th() {
        List<Double> times =
                IntStream.rangeClosed(1, 100).mapToObj(Double::valueOf).toList();

        assertThat(Quantiles.of(times)).isEqualTo(new Quantiles(50.5, 50, 99));
        assertThat(Quantiles.of(List.of(7.0))).isEqualTo(new Quantiles(7, 7, 7));
        assertThatIllegalArgumentException().isThrownBy(() -> Quantiles.of(List.of()));
    }

    @Test
    void replace_marks_changesOnlyWhatIsBetween() {
        String before = "a\n<!-- launch: written by lab/bench -->\nold\n<!-- end of launch -->\nb\n";
        String after = Document.replace(before, SECTION);

        assertThat(after).isEqualTo("a\n<!-- launch: written by lab/bench -->\n\nnew\n\n<!-- end of launch -->\nb\n");
        assertThat(Document.replace(after, SECTION)).isEqualTo(after);
        assertThatIllegalArgumentException().isThrownBy(() -> Document.replace("no marks", SECTION));
    }

    @Test
    void table_cells_areAligned() {
        assertThat(new Table("a", "bb").row("ccc", Table.number(2.04, 1)))
                .hasToString("| a   | bb  |\n| --- | --- |\n| ccc | 2.0 |");
    }

    @Test
    void parse_commandLine_isReadOrRefused() {
        assertThat(Options.parse(List.of("filter", "--pairs", "3", "--check", "--write", "x.md")))
                .isEqualTo(new Options(Set.of(Options.Kind.FILTER), 3, true, Optional.of(Path.of("x.md"))));
        assertThat(Options.parse(List.of()).kinds()).containsExactly(Options.Kind.values());
        for (List<String> wrong :
                List.of(List.of("speed"), List.of("--pairs"), List.of("--pairs", "0"), List.of("--pairs", "many"))) {
            assertThatIllegalArgumentException().isThrownBy(() -> Options.parse(wrong));
        }
    }

    @Test
    void sameness_difference_isNamed() {
        Sameness.require("a\nb", "a\nb");
        assertThatIllegalStateException()
                .isThrownBy(() -> Sameness.require("a\n b", "a\n c"))
                .withMessageContaining("'b'")
                .withMessageContaining("'c'");
    }
}
