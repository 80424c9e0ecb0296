package dev.agentvm.libvirt.internal.files;

import dev.agentvm.GuestFile;
import dev.agentvm.libvirt.internal.guest.Excerpt;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads what {@link Scripts#STAT} and {@link Scripts#LIST} print. It comes from the guest: nothing in it is believed. */
final class Listing {
    private static final Pattern FACTS =
            Pattern.compile("([0-9a-f]{1,8}) ([0-9]{1,18}) (-?[0-9]{1,11})(?:\\.[0-9]*)? ([0-9]{1,10}) ([0-9]{1,10})");
    private static final int SHOWN = 100;
    private static final int KIND = 0170000;
    private static final int FILE = 0100000;
    private static final int DIRECTORY = 0040000;
    private static final int LINK = 0120000;

    /** What was printed is not what those scripts print. */
    static final class MalformedListingException extends Exception {
        private static final long serialVersionUID = 1L;

        MalformedListingException(String text) {
            super("what the guest says of its files cannot be understood: " + text);
        }
    }

    private Listing() {}

    /** What {@link Scripts#STAT} said of that path. */
    static GuestFile stat(String path, byte[] output) throws MalformedListingException {
        String text = new String(output, StandardCharsets.UTF_8);
        int end = text.indexOf('\n');
        if (end < 0) {
            throw new MalformedListingException("there is no line");
        }
        String target = text.substring(end + 1);
        return file(path, text.substring(0, end), target.isEmpty() ? Optional.empty() : Optional.of(target));
    }

    /** What {@link Scripts#LIST} said of that directory. */
    static List<GuestFile> list(String directory, byte[] output) throws MalformedListingException {
        // So that each byte is a character, and names that are no UTF-8 do not matter yet.
        String text = new String(output, StandardCharsets.ISO_8859_1);
        Map<String, String> facts = new HashMap<>();
        int at = 0;
        while (!text.startsWith("/\n", at)) {
            int name = end(text, " ./", at);
            int end = end(text, "//\n", name + 3);
            facts.put(text.substring(name + 3, end), text.substring(at, name));
            at = end + 3;
        }
        Map<String, String> targets = new HashMap<>();
        at += 2;
        while (at < text.length()) {
            int end = end(text, "//", at);
            int after = end(text, "\0", end + 2);
            if (!text.startsWith("./", at)) {
                throw new MalformedListingException("a link has no name");
            }
            targets.put(text.substring(at + 2, end), text.substring(end + 2, after));
            at = after + 1;
        }
        List<GuestFile> files = new ArrayList<>();
        for (Map.Entry<String, String> entry : facts.entrySet()) {
            String name = entry.getKey();
            if (name.isEmpty() || name.equals(".") || name.equals("..") || name.contains("/") || name.contains("\0")) {
                throw new MalformedListingException("'" + Excerpt.head(utf8(name), SHOWN) + "' is no name");
            }
            String path = (directory.equals("/") ? "" : directory) + "/" + utf8(name);
            files.add(file(
                    path,
                    entry.getValue(),
                    Optional.ofNullable(targets.get(name)).map(Listing::utf8)));
        }
        files.sort(Comparator.comparing(GuestFile::path));
        return files;
    }

    private static int end(String text, String delimiter, int from) throws MalformedListingException {
        int end = text.indexOf(delimiter, from);
        if (end < 0) {
            throw new MalformedListingException("it ends too early");
        }
        return end;
    }

    private static String utf8(String bytes) {
        return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    private static GuestFile file(String path, String line, Optional<String> target) throws MalformedListingException {
        Matcher facts = FACTS.matcher(line);
        if (!facts.matches()) {
            throw new MalformedListingException("'" + Excerpt.head(line, SHOWN) + "'");
        }
        int mode = Integer.parseUnsignedInt(facts.group(1), 16);
        GuestFile.Kind kind = switch (mode & KIND) {
            case FILE -> GuestFile.Kind.FILE;
            case DIRECTORY -> GuestFile.Kind.DIRECTORY;
            case LINK -> GuestFile.Kind.LINK;
            default -> GuestFile.Kind.OTHER;
        };
        return new GuestFile.Builder()
                .path(path)
                .kind(kind)
                .size(Long.parseLong(facts.group(2)))
                .modified(Instant.ofEpochSecond(Long.parseLong(facts.group(3))))
                .uid(Long.parseLong(facts.group(4)))
                .gid(Long.parseLong(facts.group(5)))
                .permissions(String.format("%04o", mode & 07777))
                // readlink ends it with a line feed.
                .linkTarget(
                        kind == GuestFile.Kind.LINK
                                ? target.map(text -> text.endsWith("\n") ? text.substring(0, text.length() - 1) : text)
                                : Optional.empty())
                .build();
    }
}
