package dev.agentvm.monitor.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RedactionTest {
    private static Arguments argv(List<String> argv, String... written) {
        return Arguments.of(argv, List.of(written));
    }

    static Stream<Arguments> secretArguments() {
        return Stream.of(
                argv(List.of("--password=ab,cd&ef;gh"), "--password=[redacted]"),
                argv(List.of("PGPASSWORD=p;ssw,rd"), "PGPASSWORD=[redacted]"),
                argv(List.of("--token=correct horse battery"), "--token=[redacted]"),
                argv(List.of("--token=correct\nhorse 'battery"), "--token=[redacted]"),
                argv(List.of("--env=PGPASSWORD=p;s sw"), "--env=PGPASSWORD=[redacted]"),
                argv(List.of("X-Api-Key: a b, c"), "X-Api-Key: [redacted]"),
                argv(List.of("Authorization: Digest user=\"me\", response=\"x\""), "Authorization: [redacted]"),
                argv(List.of("--password", "-secret9", "-v"), "--password", "[redacted]", "-v"),
                argv(List.of("--password", "-token", "-v"), "--password", "[redacted]", "-v"),
                argv(List.of("--password", "--verbose", "x"), "--password", "--verbose", "x"),
                argv(List.of("{\"password\":\"a\\\"bc\"}"), "{\"password\":[redacted]}"));
    }

    @ParameterizedTest
    @MethodSource("secretArguments")
    void arguments_secret_leavesNoPieceOfIt(List<String> argv, List<String> written) {
        assertThat(Redaction.arguments(argv)).isEqualTo(written);
    }

    @Test
    void arguments_scriptOfAShell_keepsWhatIsRun() {
        assertThat(Redaction.arguments(List.of("/bin/sh", "-c", "TOKEN=a;b git push; PASSWORD='c d' make")))
                .containsExactly("/bin/sh", "-c", "TOKEN=[redacted] git push; PASSWORD=[redacted] make");
        assertThat(Redaction.arguments(List.of("sudo", "bash", "-ec", "API_KEY=\"a\\\" b\" make")))
                .containsExactly("sudo", "bash", "-ec", "API_KEY=[redacted] make");
    }

    @Test
    void arguments_others_areLeft() {
        List<String> others = List.of("git", "commit", "--author=Ada <ada@example.com>", "-m", "a, b; c & d: e");

        assertThat(Redaction.arguments(others)).isEqualTo(others);
    }

    static Stream<Arguments> secretTexts() {
        return Stream.of(
                Arguments.of("login: PGPASSWORD=p;ssw,rd failed", "login: PGPASSWORD=[redacted] failed"),
                Arguments.of("got {\"token\": \"a\\\\\", \"n\": 1}", "got {\"token\": [redacted], \"n\": 1}"),
                Arguments.of("http://host/?token=a,b;c&page=2", "http://host/?token=[redacted]&page=2"),
                Arguments.of("cut off: password=\"a b", "cut off: password=[redacted]"),
                Arguments.of("cut off: password=\"a b\\", "cut off: password=[redacted]"),
                Arguments.of("cut off: password='a b", "cut off: password=[redacted]"),
                Arguments.of("curl -d \"{\\\"password\\\":\\\"a b\\\"}\"", "curl -d \"{\\\"password\\\":[redacted]"));
    }

    @ParameterizedTest
    @MethodSource("secretTexts")
    void text_secret_isRedactedToTheEndOfItsValue(String text, String written) {
        assertThat(Redaction.text(text)).isEqualTo(written);
    }

    @Test
    void text_longSecretInQuotes_isRedactedToo() {
        assertThat(Redaction.text("password=\"" + "\\a".repeat(4_000))).isEqualTo("password=[redacted]");
    }
}
