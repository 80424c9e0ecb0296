package dev.agentvm.libvirt.internal.life;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.HostNotReadyException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuardTest {
    private final UUID first = UUID.randomUUID();
    private final UUID second = UUID.randomUUID();

    @TempDir
    private Path directory;

    @Test
    void orders_areHeardLineByLine() {
        GuardOrders orders = new GuardOrders();

        orders.hear(GuardOrders.watch(first));
        orders.hear(GuardOrders.watch(second));
        orders.hear(GuardOrders.release(first));

        assertThat(orders.watched()).containsExactly(second);
        assertThat(orders.isEnded()).isFalse();
        orders.hear(GuardOrders.END);
        assertThat(orders.isEnded()).isTrue();
    }

    @Test
    void orders_tornOrForeign_haveNoEffect() {
        GuardOrders orders = new GuardOrders();

        String order = GuardOrders.watch(first);
        Set.of(order.substring(0, order.length() - 1), order + " ", "watch all", "watch ../x", "release", "en")
                .forEach(orders::hear);

        assertThat(orders.watched()).isEmpty();
        assertThat(orders.isEnded()).isFalse();
    }

    @Test
    void watch_first_startsAProcessThatHearsItAndEndsWithTheGuard() throws IOException {
        try (Guard guard = guard()) {
            assertThat(heard()).isEmpty();
            guard.watch(first);
            guard.watch(second);
            guard.release(first);
            guard.release(second);
        }

        assertThat(heard())
                .filteredOn(line -> !line.startsWith("pid "))
                .startsWith("watch " + first)
                .endsWith("watch " + second, "release " + first, "release " + second, "end", "EOF");
    }

    @Test
    void close_somethingStillWatched_doesNotSayThatAllIsWell() {
        try (Guard guard = guard()) {
            guard.watch(first);
        }

        Awaitility.await()
                .untilAsserted(() -> assertThat(heard()).endsWith("EOF").doesNotContain("end"));
    }

    @Test
    void process_thatDies_isReplacedByOneThatKnowsAll() throws IOException {
        try (Guard guard = guard()) {
            guard.watch(first);
            guard.watch(second);
            guard.release(first);
            List<String> pids = pids();
            assertThat(pids).hasSize(1);

            ProcessHandle.of(Long.parseLong(pids.get(0))).orElseThrow().destroyForcibly();

            Awaitility.await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
                assertThat(pids()).hasSize(2);
                assertThat(heard()).endsWith("pid " + pids().get(1), "watch " + second);
            });
            guard.release(second);
        }
    }

    @Test
    void process_thatDiesWhileNoneCanBeStarted_isReplacedOnceOneCan() throws IOException {
        try (Guard guard = guard(Obstacle.FIRE)) {
            guard.watch(first);
            killWhileThereIs(Obstacle.FIRE);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> heard().contains("FIRE"));

            Files.delete(file(Obstacle.FIRE));

            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThat(ofTheSecond()).contains("watch " + first));
            guard.release(first);
        }
    }

    @Test
    void release_whileAProcessIsBeingStarted_doesNotWaitAndIsToldWhenItRuns() throws IOException {
        try (Guard guard = guard(Obstacle.MUD)) {
            guard.watch(first);
            guard.watch(second);
            killWhileThereIs(Obstacle.MUD);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> heard().contains("MUD"));

            guard.release(first);
            assertThat(heard()).endsWith("MUD");
            Files.delete(file(Obstacle.MUD));

            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThat(ofTheSecond())
                            .containsSubsequence("watch " + first, "watch " + second, "release " + first)
                            .doesNotContain("release " + second));
            guard.release(second);
        }
    }

    /** What keeps a process from beginning, while a file of that name is there. */
    private enum Obstacle {
        /** It ends. */
        FIRE,
        /** It takes for ever. */
        MUD
    }

    private Path file(Obstacle obstacle) {
        return directory.resolve(obstacle.name());
    }

    private Guard guard(Obstacle obstacle) {
        return new Guard(
                Listener.class,
                List.of(directory.resolve("heard").toString(), file(obstacle).toString()),
                Duration.ofMillis(10));
    }

    private void killWhileThereIs(Obstacle obstacle) throws IOException {
        Files.createFile(file(obstacle));
        ProcessHandle.of(Long.parseLong(pids().get(0))).orElseThrow().destroyForcibly();
    }

    private List<String> ofTheSecond() throws IOException {
        assertThat(pids()).hasSize(2);
        List<String> heard = heard();
        return heard.subList(heard.indexOf("pid " + pids().get(1)), heard.size());
    }

    @Test
    void process_isFarFromSignalsOfItsProgramsTerminal() throws IOException {
        try (Guard guard = guard()) {
            guard.watch(first);
            String pid = pids().get(0);
            String command = Files.readString(Path.of("/proc", pid, "cmdline"), StandardCharsets.UTF_8);

            assertThat(command).contains("-Xmx48m").contains("-XX:TieredStopAtLevel=1");
            assertThat(Path.of("/proc", pid, "cwd").toRealPath()).isEqualTo(Path.of("/"));
            guard.release(first);
        }
    }

    @Test
    void program_thatCannotBegin_isSaidWithItsOwnWords() {
        try (Guard guard = new Guard(Broken.class, List.of())) {
            assertThatExceptionOfType(HostNotReadyException.class)
                    .isThrownBy(() -> guard.watch(first))
                    .withMessageContaining("could not be started")
                    .withMessageContaining("the host is on fire");
        }
    }

    private Guard guard() {
        return new Guard(Listener.class, List.of(directory.resolve("heard").toString()));
    }

    private List<String> heard() throws IOException {
        Path file = directory.resolve("heard");
        return Files.exists(file) ? Files.readAllLines(file, StandardCharsets.UTF_8) : List.of();
    }

    private List<String> pids() throws IOException {
        return heard().stream()
                .filter(line -> line.startsWith("pid "))
                .map(line -> line.substring(4))
                .toList();
    }

    /** Writes down what it hears. */
    static final class Listener {
        private Listener() {}

        /** Arguments: the file, and that of an {@link Obstacle} if there may be one. */
        public static void main(String[] args) throws Exception {
            Path file = Path.of(args[0]);
            Path obstacle = Path.of(args[args.length - 1]);
            if (args.length > 1 && Files.exists(obstacle)) {
                String name = obstacle.getFileName().toString();
                note(file, name);
                if (name.equals(Obstacle.FIRE.name())) {
                    System.exit(1);
                }
                while (Files.exists(obstacle)) {
                    Thread.sleep(10);
                }
            }
            note(file, "pid " + ProcessHandle.current().pid());
            System.out.println(GuardOrders.READY);
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                note(file, line);
            }
            note(file, "EOF");
        }

        private static void note(Path file, String line) throws IOException {
            Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
    }

    /** Cannot begin. */
    static final class Broken {
        private Broken() {}

        /** No arguments. */
        public static void main(String[] args) {
            System.err.println("the host is on fire");
            System.exit(1);
        }
    }
}
