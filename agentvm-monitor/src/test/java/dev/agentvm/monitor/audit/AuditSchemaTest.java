package dev.agentvm.monitor.audit;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Lines of the log are what the published schema says, by the word of a validator that others use. */
class AuditSchemaTest {
    private static final Path SCHEMA = Path.of("../docs/audit.schema.json");
    private static final Path GUIDE = Path.of("../docs/audit.md");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    private final AtomicBoolean full = new AtomicBoolean();

    private static Schema schema() throws IOException {
        return SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                .getSchema(JSON.readTree(Files.readString(SCHEMA)));
    }

    private static List<Error> errors(Schema schema, JsonNode line) {
        return schema.validate(
                line, context -> context.executionConfig(config -> config.formatAssertionsEnabled(true)));
    }

    /** A log of everything, with a time in which the disk was full. */
    private List<JsonNode> lines() throws IOException {
        try (AuditLog log =
                new AuditLog.Builder(directory).everything().opener(this::open).open()) {
            Samples.ofEachKind().forEach(log::onEvent);
            full.set(true);
            log.onEvent(Samples.ofEachKind().get(0));
            full.set(false);
            log.onEvent(Samples.ofEachKind().get(0));
        }
        List<JsonNode> lines = new ArrayList<>();
        for (Path file : LogFiles.in(directory)) {
            for (String line : Files.readAllLines(file)) {
                lines.add(JSON.readTree(line));
            }
        }
        return lines;
    }

    private Appender open(Path path) throws IOException {
        return new ForwardingAppender(FileAppender.open(path)) {
            @Override
            public void append(byte[] bytes) throws IOException {
                if (full.get()) {
                    throw new IOException("No space left on device");
                }
                super.append(bytes);
            }
        };
    }

    @Test
    void lines_ofEveryKind_areAsTheSchemaSays() throws IOException {
        Schema schema = schema();
        Set<String> told = new TreeSet<>();
        for (JsonNode line : lines()) {
            assertThat(errors(schema, line)).as("%s", line).isEmpty();
            told.add(line.get("type").textValue());
        }
        assertThat(told).isEqualTo(types());
    }

    private static Set<String> types() throws IOException {
        Set<String> types = new TreeSet<>();
        for (JsonNode kind : JSON.readTree(Files.readString(SCHEMA)).get("oneOf")) {
            types.add(kind.at("/properties/type/const").textValue());
        }
        // Stands for events that this version does not know, of which there are none.
        types.remove("other");
        return types;
    }

    @ParameterizedTest
    @ValueSource(strings = {"| `type` | more fields", "| `type` | class"})
    void guide_fieldsAndOcsf_haveEachTypeOnce(String table) throws IOException {
        assertThat(Files.readAllLines(GUIDE).stream()
                        .dropWhile(line -> !line.startsWith(table))
                        .skip(2)
                        .takeWhile(line -> line.startsWith("|"))
                        .flatMap(row -> Pattern.compile("`([^`]+)`")
                                .matcher(row.split("\\|")[1])
                                .results()
                                .map(found -> found.group(1))))
                .containsExactlyInAnyOrderElementsOf(types());
    }

    @Test
    void lines_withALittleWrong_areNot() throws IOException {
        Schema schema = schema();
        for (JsonNode line : lines()) {
            ObjectNode more = line.deepCopy();
            more.put("unheard-of", 1);
            assertThat(errors(schema, more)).as("%s", more).isNotEmpty();

            ObjectNode less = line.deepCopy();
            less.remove("time");
            assertThat(errors(schema, less)).as("%s", less).isNotEmpty();

            ObjectNode other = line.deepCopy();
            other.put("type", "nothing of the kind");
            assertThat(errors(schema, other)).as("%s", other).isNotEmpty();
        }
    }
}
