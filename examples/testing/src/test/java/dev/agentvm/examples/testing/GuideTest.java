package dev.agentvm.examples.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The guide's Java is taken from this example, and so compiles and runs. */
class GuideTest {
    private static final Pattern JAVA = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);

    @Test
    void guide_everyPieceOfJava_isInThisExample() throws IOException {
        String guide = Files.readString(Path.of("../../docs/testing.md"));
        List<String> pieces = JAVA.matcher(guide)
                .results()
                .map(piece -> withoutIndentation(piece.group(1)))
                .toList();
        String sources = sources();
        assertThat(pieces)
                .hasSizeGreaterThan(4)
                .allSatisfy(piece -> assertThat(sources).contains(piece));
    }

    private static String sources() throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> files = Files.walk(Path.of("src"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                text.append(withoutIndentation(Files.readString(file)));
            }
        }
        return text.toString();
    }

    private static String withoutIndentation(String code) {
        return code.lines().map(String::strip).reduce("", (all, line) -> all + line + "\n");
    }
}
