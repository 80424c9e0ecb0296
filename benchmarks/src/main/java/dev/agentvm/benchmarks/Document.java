package dev.agentvm.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A Markdown file in which figures have marked places, each of which is replaced as a whole. */
final class Document {
    private final Path file;

    Document(Path file) {
        this.file = file;
    }

    /** Puts a section's text between its marks. */
    void write(Section section) throws IOException {
        Files.writeString(file, replace(Files.readString(file), section));
    }

    static String replace(String document, Section section) {
        String begin = "<!-- " + section.name() + ": written by lab/bench -->\n";
        String end = "<!-- end of " + section.name() + " -->";
        int from = document.indexOf(begin);
        int to = document.indexOf(end);
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("the document lacks the lines " + begin.strip() + " and " + end);
        }
        return document.substring(0, from + begin.length()) + "\n"
                + section.text().strip() + "\n\n" + document.substring(to);
    }
}
