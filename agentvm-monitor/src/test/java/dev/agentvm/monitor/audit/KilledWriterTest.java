package dev.agentvm.monitor.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program that is killed with signal 9 as it writes: {@code -Dagentvm.soak=true} for the long form. */
class KilledWriterTest {
    private static final int ROUNDS = Boolean.getBoolean("agentvm.soak") ? 200 : 20;

    @TempDir
    Path directory;

    @Test
    void kill_whileWriting_losesNoEntryThatWasTakenAndBreaksNoChain() throws Exception {
        Random random = new Random(7);
        for (int round = 0; round < ROUNDS; round++) {
            long taken = killAfter(1 + random.nextInt(300), random.nextInt(3_000_000));

            Verification left = AuditLog.verify(directory);
            assertThat(left.firstBreak()).as("round %d", round).isEmpty();
            assertThat(left.head().sequence()).isGreaterThanOrEqualTo(taken);
        }
        try (AuditLog log = new AuditLog.Builder(directory).open()) {
            assertThat(log.missed()).isZero();
        }
        assertThat(AuditLog.verify(directory).intact()).isTrue();
    }

    /** Runs the program until it has written so many entries and so many nanoseconds more. */
    private long killAfter(int entries, int nanos) throws IOException, InterruptedException {
        Process program = WriterProgram.of(directory)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        long taken = -1;
        try (BufferedReader out = program.inputReader(StandardCharsets.US_ASCII)) {
            for (int i = 0; i < entries; i++) {
                taken = Long.parseLong(Objects.requireNonNull(out.readLine()));
            }
            TimeUnit.NANOSECONDS.sleep(nanos);
            // Unlike the process itself, its handle leaves what it has printed.
            program.toHandle().destroyForcibly();
            assertThat(program.waitFor()).isEqualTo(128 + 9);
            // What it had printed before it was killed; a line that was cut short is no promise.
            String rest = out.lines().reduce("", (before, line) -> before + line + "\n");
            int end = rest.lastIndexOf('\n', rest.length() - 2);
            if (end > 0) {
                taken = Long.parseLong(rest.substring(rest.lastIndexOf('\n', end - 1) + 1, end));
            }
        }
        return taken;
    }
}
