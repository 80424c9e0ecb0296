package dev.agentvm.monitor.audit;

import java.time.Instant;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the log says of itself. */
final class LogEntry {
    private static final String SCHEMA = "agentvm-audit/1";
    private static final String CLOSED = "log-closed";
    private static final Pattern HEADER =
            Pattern.compile("\\{\"seq\":[0-9]+,\"id\":\"[^\"]*\",\"time\":\"([^\"]*)\",.*");

    private static final Pattern IS_CLOSED =
            Pattern.compile("\\{\"seq\":[0-9]+,\"id\":\"[^\"]*\",\"time\":\"[^\"]*\",\"type\":\"" + CLOSED + "\"}");

    private LogEntry() {}

    private static Json begin(long sequence, Instant time, String type) {
        return new Json()
                .put("seq", sequence)
                .put("id", UUID.randomUUID().toString())
                .put("time", time.toString())
                .put("type", type);
    }

    /** The first entry of each file. */
    static String fileOpened(long sequence, Instant time, int number, Head before) {
        try (Json json = begin(sequence, time, "file-opened")) {
            return json.put("schema", SCHEMA)
                    .put("file", number)
                    .put("previousHash", before.hash())
                    .end();
        }
    }

    static String logOpened(long sequence, Instant time, boolean closedBefore, long cutBytes) {
        try (Json json = begin(sequence, time, "log-opened")) {
            return json.put("closedBefore", closedBefore)
                    .put("cutBytes", cutBytes)
                    .end();
        }
    }

    static String entriesMissing(long sequence, Instant time, long count, Instant since, String reason) {
        try (Json json = begin(sequence, time, "entries-missing")) {
            return json.put("count", count)
                    .put("since", since.toString())
                    .put("reason", reason)
                    .end();
        }
    }

    static String logClosed(long sequence, Instant time) {
        try (Json json = begin(sequence, time, CLOSED)) {
            return json.end();
        }
    }

    static boolean isClosed(String entry) {
        return IS_CLOSED.matcher(entry).matches();
    }

    /** When the entry was made. */
    static Instant time(String entry) {
        Matcher matcher = HEADER.matcher(entry);
        if (!matcher.matches()) {
            throw new IllegalStateException("an entry that has its hash has a time: " + entry);
        }
        return Instant.parse(matcher.group(1));
    }
}
