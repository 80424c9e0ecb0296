package dev.agentvm.libvirt.internal.network;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Runs commands on the lab's host. */
final class Shell {
    private Shell() {}

    /** The output of a command, which must succeed. */
    static String run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int status = process.waitFor();
            if (status != 0) {
                throw new AssertionError(String.join(" ", command) + " ended with " + status + ": " + output);
            }
            return output;
        } catch (IOException e) {
            throw new AssertionError(String.join(" ", command), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** The output of a command line of the shell, which must succeed. */
    static String sh(String line) {
        return run("sh", "-ec", line);
    }
}
