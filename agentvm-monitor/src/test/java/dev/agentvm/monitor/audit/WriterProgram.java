package dev.agentvm.monitor.audit;

import dev.agentvm.event.VMDied;
import dev.agentvm.monitor.Story;
import java.nio.file.Path;

/** Writes a log until it is killed, and prints the number of each entry that the log has taken. */
final class WriterProgram {
    private WriterProgram() {}

    /** One that writes in that directory. */
    static ProcessBuilder of(Path directory) {
        return new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                WriterProgram.class.getName(),
                directory.toString());
    }

    public static void main(String[] args) {
        AuditLog log =
                new AuditLog.Builder(Path.of(args[0])).maxFileSize(256 * 1024).open();
        for (int i = 0; true; i++) {
            log.onEvent(new VMDied.Builder()
                    .time(Story.START)
                    .vm(Samples.VM)
                    .reason("entry " + i + " " + "x".repeat(i % 3000))
                    .build());
            System.out.println(log.head().sequence());
        }
    }
}
