package dev.agentvm.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.internal.domain.Settings;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReaperCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @Test
    void help_isSaidWithoutAConnection() throws Exception {
        assertThat(run("--help")).isEqualTo(ReaperCommand.DONE);
        assertThat(text(out)).isEqualTo(ReaperCommand.HELP);
    }

    @ParameterizedTest
    @CsvSource({
        "--what, there is no such option",
        "--interval, needs a value",
        "--interval 5, must be a number with s",
        "--interval 0s, must be a number with s",
        "--state-directory state, must be an absolute path",
        "--uri test:///default, uri",
        "--dry-run --uri, needs a value"
    })
    void arguments_wrong_areSaidAndNothingIsDone(String arguments, String complaint) throws Exception {
        assertThat(run(arguments.split(" ", -1))).isEqualTo(ReaperCommand.USAGE);
        assertThat(text(err)).contains(complaint).contains("--help").hasLineCount(1);
        assertThat(text(out)).isEmpty();
    }

    @Test
    void libvirt_notThere_isSaid(@TempDir Path directory) throws Exception {
        String uri = "qemu+unix:///system?socket=" + directory.resolve("no-socket");

        assertThat(run("--uri", uri, "--state-directory", directory.toString())).isEqualTo(ReaperCommand.UNAVAILABLE);
        assertThat(text(err)).startsWith("agentvm-reaper: ").contains("no-socket");
    }

    /** It may be another user's, whose programs could not write there any more. */
    @Test
    void stateDirectory_isNotMadeReadyForLaunches(@TempDir Path directory) {
        Settings settings =
                ReaperCommand.builder(Optional.empty(), Optional.of(directory)).settings();

        assertThat(settings.stateDirectory()).isEqualTo(directory);
        assertThat(settings.launching()).isFalse();
    }

    private int run(String... arguments) throws InterruptedException {
        return ReaperCommand.run(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                arguments);
    }

    private static String text(ByteArrayOutputStream stream) {
        return stream.toString(StandardCharsets.UTF_8);
    }
}
