package dev.agentvm.monitor.audit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The files of a log, by their numbers. */
final class LogFiles {
    private static final Pattern NAME = Pattern.compile("audit-[0-9]{8}\\.jsonl");

    private LogFiles() {}

    /** All of a directory, in the order in which they were written. */
    static List<Path> in(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> NAME.matcher(name(file)).matches())
                    .sorted()
                    .toList();
        }
    }

    /** The bytes of all of a directory. */
    static long size(Path directory) throws IOException {
        long size = 0;
        for (Path file : in(directory)) {
            size += Files.size(file);
        }
        return size;
    }

    static Path numbered(Path directory, int number) {
        return directory.resolve(String.format(Locale.ROOT, "audit-%08d.jsonl", number));
    }

    static int number(Path file) {
        return Integer.parseInt(name(file).substring("audit-".length(), "audit-".length() + 8));
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }
}
