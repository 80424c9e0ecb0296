package dev.agentvm.libvirt.internal.guest;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Makes what a guest said fit for a message: short, on one line, without control characters. */
public final class Excerpt {
    private Excerpt() {}

    /** Its beginning. */
    public static String head(String text, int limit) {
        return text.length() <= limit
                ? escape(text)
                : escape(text.substring(0, limit)) + "… (" + text.length() + " characters)";
    }

    /** Its end, of bytes that should be UTF-8. */
    public static String tail(byte[] bytes, int limit) {
        int from = Math.max(0, bytes.length - limit);
        String text = new String(bytes, from, bytes.length - from, StandardCharsets.UTF_8);
        return (from > 0 ? "…" : "") + escape(text.strip());
    }

    /** A command's program and arguments. */
    public static String command(List<String> argv) {
        return head(String.join(" ", argv), 120);
    }

    private static String escape(String text) {
        StringBuilder escaped = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (c == '\n') {
                escaped.append("\\n");
            } else if (c == '\t') {
                escaped.append("\\t");
            } else if (c == '\r') {
                escaped.append("\\r");
            } else if (isUnprintable(c)) {
                escaped.append(String.format("\\u%04x", c));
            } else {
                escaped.appendCodePoint(c);
            }
        });
        return escaped.toString();
    }

    private static boolean isUnprintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED -> true;
            default -> false;
        };
    }
}
