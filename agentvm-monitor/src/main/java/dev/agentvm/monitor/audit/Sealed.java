package dev.agentvm.monitor.audit;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of the log: an entry, and the hash that ties it to the line before. The hash is that of the hash before, as 64
 * hexadecimal digits, and the entry as it would stand without a hash.
 */
final class Sealed {
    private static final String HASH = ",\"hash\":\"";
    private static final Pattern LINE = Pattern.compile("(\\{\"seq\":([0-9]{1,18}),.*),\"hash\":\"([0-9a-f]{64})\"}");

    private final String entry;
    private final Head head;

    private Sealed(String entry, Head head) {
        this.entry = entry;
        this.head = head;
    }

    /** Seals an entry, a JSON object that begins with its sequence number. */
    static Sealed of(String entry, Head before) {
        return new Sealed(entry, new Head(before.sequence() + 1, digest(before.hash(), entry)));
    }

    /** Reads a line without its end; empty if it has not the form of one. Says nothing of whether its hash is right. */
    static Optional<Sealed> read(String line) {
        Matcher matcher = LINE.matcher(line);
        return matcher.matches()
                ? Optional.of(new Sealed(
                        matcher.group(1) + "}", new Head(Long.parseLong(matcher.group(2)), matcher.group(3))))
                : Optional.empty();
    }

    /** The entry without its hash. */
    String entry() {
        return entry;
    }

    /** The head of a log that ends with this line. */
    Head head() {
        return head;
    }

    /** Whether it belongs behind a line with that hash. */
    boolean follows(String hash) {
        return digest(hash, entry).equals(head.hash());
    }

    /** The line, with its end. */
    String line() {
        return entry.substring(0, entry.length() - 1) + HASH + head.hash() + "\"}\n";
    }

    private static String digest(String before, String entry) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            sha256.update(before.getBytes(StandardCharsets.US_ASCII));
            sha256.update(entry.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(sha256.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
