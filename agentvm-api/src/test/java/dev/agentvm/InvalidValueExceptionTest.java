package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InvalidValueExceptionTest {
    private static String shown(Object value) {
        String message = new InvalidValueException("field", value, "must be better").getMessage();
        assertThat(message).isNotNull().startsWith("field '").endsWith("': must be better");
        return String.valueOf(message).replaceAll("^field '|': must be better$", "");
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "\"\0\", \\u0000",
                "\"a\nb\", a\\u000ab",
                "\"\u001b[2J\", \\u001b[2J",
                "\"\u0085\", \\u0085",
                "\"\u2028\u2029\", \\u2028\\u2029",
                "\"\u202e\", \\u202e",
                "\"\u200b\", \\u200b",
                "\"\ufeff\", \\ufeff",
                "größer 😀, größer 😀",
                "<&>, <&>"
            })
    void message_unprintableValue_isOneReadableLine(String value, String expected) {
        assertThat(shown(value)).isEqualTo(expected);
    }

    @Test
    void message_loneSurrogate_isEscaped() {
        assertThat(shown("\ud800")).isEqualTo("\\ud800");
    }

    @Test
    void message_lengthAtAndOverItsBound_isWholeAndCut() {
        assertThat(shown("x".repeat(80))).isEqualTo("x".repeat(80));
        assertThat(shown("x".repeat(81))).isEqualTo("x".repeat(80) + "…");
        assertThat(shown("😀".repeat(80))).isEqualTo("😀".repeat(80));
        assertThat(shown("😀".repeat(81))).isEqualTo("😀".repeat(80) + "…");
    }

    @Test
    void context_ofAnyBadValue_isBuildAndNotWorthARetry() {
        InvalidValueException failure = new InvalidValueException("field", null, "must be there");
        assertThat(failure).hasMessage("field 'null': must be there");
        assertThat(failure.field()).contains("field");
        assertThat(failure.operation()).isEqualTo("build");
        assertThat(failure.retryable()).isFalse();
        assertThat(failure.vmName()).isEmpty();
        assertThat(new InvalidValueException("several").field()).isEmpty();
        assertThat(new InvalidTemplateException("several").field()).isEmpty();
    }
}
