package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CommandTest {
    private static final Command TRUE = Command.of("true");

    @Test
    void of_programAndArguments_isCompleteByDefault() {
        Command command = Command.of("git", "clone", "https://example.org/a b");
        assertThat(command.argv()).containsExactly("git", "clone", "https://example.org/a b");
        assertThat(command.environment()).isEmpty();
        assertThat(command.workingDirectory()).isEmpty();
        assertThat(command.stdin()).isEmpty();
        assertThat(command.timeout()).isEqualTo(Duration.ofMinutes(10));
    }

    @Test
    void shell_script_isOneArgument() {
        assertThat(Command.shell("echo \"$HOME\" | wc -c").argv())
                .containsExactly("/bin/sh", "-c", "echo \"$HOME\" | wc -c");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0day", "-x", "a b", "a:b", "a\nb", "$(id)", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    void user_thatIsNoName_isRefused(String name) {
        assertThatThrownBy(() -> TRUE.withUser(name))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("user '");
        assertThat(TRUE.withUser("www-data").user()).contains("www-data");
        assertThat(TRUE.user()).isEmpty();
    }

    @Test
    void build_noProgram_isRefused() {
        assertThatThrownBy(() -> new Command.Builder().build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("must name a program");
        assertThatThrownBy(() -> Command.of("", "x")).isInstanceOf(InvalidValueException.class);
        assertThat(Command.of("x", "").argv()).containsExactly("x", "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\0", "a\0b", "\ud800", "a\udc00"})
    void text_nulOrMalformed_isRefusedEverywhere(String text) {
        assertThatThrownBy(() -> Command.of(text)).hasMessageStartingWith("argv '");
        assertThatThrownBy(() -> Command.of("x", text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("argv '")
                .hasMessageEndingWith("must not hold NUL or malformed characters");
        assertThatThrownBy(() -> TRUE.withWorkingDirectory("/" + text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("workingDirectory '");
        assertThatThrownBy(() -> TRUE.withEnvironment(Map.of("TOKEN", "secret" + text)))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("environment 'TOKEN'")
                .message()
                .doesNotContain("secret");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\nb", "\t\u001b", "<&>", "größer 😀", "-rf", "$(x)"})
    void text_anythingElse_isKeptAsItIs(String text) {
        assertThat(Command.of("x", text).argv()).containsExactly("x", text);
        assertThat(TRUE.withEnvironment(Map.of("A", text)).environment()).containsEntry("A", text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1A", "A B", "A=B", "A-B", "A.B", "Ä", "A\n", "A\0", "BASH_FUNC_x%%"})
    void environment_badName_isRefused(String name) {
        assertThatThrownBy(() -> TRUE.withEnvironment(Map.of(name, "x")))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("environment '");
    }

    @ParameterizedTest
    @ValueSource(strings = {"A", "_", "a1_B"})
    void environment_goodName_isKept(String name) {
        assertThat(TRUE.withEnvironment(Map.of(name, "")).environment()).containsEntry(name, "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "tmp", "~"})
    void workingDirectory_relative_isRefused(String directory) {
        assertThatThrownBy(() -> TRUE.withWorkingDirectory(directory))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("absolute path");
        assertThat(TRUE.withWorkingDirectory("/tmp").workingDirectory()).contains("/tmp");
    }

    @Test
    void arguments_bytesAtAndOverTheBound_areTakenAndRefused() {
        int rest = Command.MAX_ARGUMENT_BYTES - 4;
        assertThat(Command.of("true", "x".repeat(rest)).argv()).hasSize(2);
        assertThat(Command.of("true", "ä".repeat(rest / 2)).argv()).hasSize(2);
        assertThatThrownBy(() -> Command.of("true", "x".repeat(rest + 1)))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining((Command.MAX_ARGUMENT_BYTES + 1) + " bytes");
        assertThatThrownBy(() -> Command.of("true", "ä".repeat(rest / 2 + 1)))
                .isInstanceOf(InvalidValueException.class);
        assertThat(TRUE.withEnvironment(Map.of("ABCD", "x".repeat(rest - 4))).environment())
                .hasSize(1);
        assertThatThrownBy(() -> TRUE.withEnvironment(Map.of("ABCD", "x".repeat(rest - 3))))
                .isInstanceOf(InvalidValueException.class);
    }

    @Test
    void stdin_bytesAtAndOverTheBound_areTakenAndRefused() {
        assertThat(TRUE.withStdin(new byte[Command.MAX_STDIN_BYTES]).stdin()).hasSize(1024 * 1024);
        assertThatThrownBy(() -> TRUE.withStdin(new byte[Command.MAX_STDIN_BYTES + 1]))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("stdin '1048577 bytes'");
    }

    @Test
    void stdin_callersArrayChanges_keepsItsOwn() {
        byte[] given = {1, 2, 3};
        Command.Builder builder = new Command.Builder().addArgv("cat").stdin(given);
        Command command = builder.build();
        Command derived = TRUE.withStdin(given);
        given[0] = 9;
        assertThat(command.stdin()).containsExactly(1, 2, 3);
        assertThat(derived.stdin()).containsExactly(1, 2, 3);
        command.stdin()[0] = 9;
        assertThat(command.stdin()).containsExactly(1, 2, 3);
        assertThat(builder.build()).isEqualTo(command);
        assertThat(TRUE.withStdinText("ä").stdin()).isEqualTo("ä".getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void argv_callersListChanges_keepsItsOwn() {
        List<String> argv = new ArrayList<>(List.of("a", "b"));
        Command command = TRUE.withArgv(argv);
        argv.clear();
        assertThat(command.argv()).containsExactly("a", "b").isUnmodifiable();
        assertThat(command.environment()).isUnmodifiable();
    }

    @Test
    void timeout_atAndOutOfBounds_isTakenAndRefused() {
        assertThat(TRUE.withTimeout(Duration.ofNanos(1)).timeout()).isEqualTo(Duration.ofNanos(1));
        assertThat(TRUE.withTimeout(Duration.ofDays(3650)).timeout()).isEqualTo(Duration.ofDays(3650));
        for (Duration bad : new Duration[] {
            Duration.ZERO, Duration.ofNanos(-1), Duration.ofDays(3651), Duration.ofSeconds(Long.MAX_VALUE)
        }) {
            assertThatThrownBy(() -> TRUE.withTimeout(bad))
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessage("timeout '" + bad + "': must be more than zero and at most 3650 days");
        }
    }

    @Test
    void toString_secrets_doNotAppear() {
        Command command = Command.of("git", "push")
                .withEnvironment(Map.of("TOKEN", "hunter2"))
                .withStdinText("swordfish");
        assertThat(command).asString().contains("git").doesNotContain("hunter2").doesNotContain("swordfish");
    }

    @Test
    void equals_sameParts_comparesBytesToo() {
        Command command = Command.of("cat").withStdinText("x");
        assertThat(command)
                .isEqualTo(Command.of("cat").withStdinText("x"))
                .hasSameHashCodeAs(Command.of("cat").withStdinText("x"))
                .isNotEqualTo(Command.of("cat").withStdinText("y"));
        assertThat(command.toBuilder().build()).isEqualTo(command);
    }

    @Test
    @SuppressWarnings("NullAway")
    void of_null_failsAtOnce() {
        assertThatThrownBy(() -> Command.of(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> Command.of("x", (String) null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> TRUE.withTimeout(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("timeout");
    }
}
