package dev.agentvm.benchmarks;

import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The guest agent's own file calls, made through libvirt directly, in the largest pieces that agents are sure to survive. */
final class AgentFiles {
    private static final int WRITE_PIECE = 48 * 1024;
    private static final int READ_PIECE = 1024 * 1024;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Pattern HANDLE = Pattern.compile("\"return\": ?([0-9]+)");
    private static final Pattern COUNT = Pattern.compile("\"count\": ?([0-9]+)");

    private final Libvirt libvirt;
    private final DomainRef domain;

    AgentFiles(Libvirt libvirt, DomainRef domain) {
        this.libvirt = libvirt;
        this.domain = domain;
    }

    /** Seconds to write that to a file. */
    double write(String file, byte[] content) {
        long begin = System.nanoTime();
        long handle = open(file, "w");
        for (int i = 0; i < content.length; i += WRITE_PIECE) {
            byte[] piece = Arrays.copyOfRange(content, i, Math.min(content.length, i + WRITE_PIECE));
            number(
                    COUNT,
                    call(
                            "write",
                            "\"handle\":" + handle + ",\"buf-b64\":\""
                                    + Base64.getEncoder().encodeToString(piece) + "\""));
        }
        close(handle);
        return (System.nanoTime() - begin) / 1e9;
    }

    /** Seconds to read so many bytes of a file. */
    double read(String file, long bytes) {
        long begin = System.nanoTime();
        long handle = open(file, "r");
        for (long read = 0; read < bytes; ) {
            long most = Math.min(READ_PIECE, bytes - read);
            read += number(COUNT, call("read", "\"handle\":" + handle + ",\"count\":" + most));
        }
        close(handle);
        return (System.nanoTime() - begin) / 1e9;
    }

    private long open(String file, String mode) {
        return number(HANDLE, call("open", "\"path\":\"" + file + "\",\"mode\":\"" + mode + "\""));
    }

    private void close(long handle) {
        String unused = call("close", "\"handle\":" + handle);
    }

    private String call(String name, String arguments) {
        return libvirt.agents()
                .command(
                        domain,
                        "{\"execute\":\"guest-file-" + name + "\",\"arguments\":{" + arguments + "}}",
                        PATIENCE);
    }

    private static long number(Pattern pattern, String reply) {
        Matcher matcher = pattern.matcher(reply);
        if (!matcher.find()) {
            throw new IllegalStateException("the guest agent answers something else");
        }
        return Long.parseLong(matcher.group(1));
    }
}
