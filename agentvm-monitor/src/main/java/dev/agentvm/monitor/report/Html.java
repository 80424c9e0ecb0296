package dev.agentvm.monitor.report;

import java.util.Locale;

/** HTML in the making: tags are this program's, all text is escaped. Not thread-safe. */
final class Html {
    private static final int LONGEST_TEXT = 500;

    private final StringBuilder page = new StringBuilder();

    /** Markup of this program's own. */
    Html markup(String markup) {
        page.append(markup);
        return this;
    }

    /** Markup with numbers in it. */
    Html markup(String format, Object... numbers) {
        page.append(String.format(Locale.ROOT, format, numbers));
        return this;
    }

    /** Text of whatever origin. */
    Html text(String text) {
        int[] shown = text.codePoints().limit(LONGEST_TEXT).toArray();
        for (int c : shown) {
            append(c);
        }
        if (text.codePointCount(0, text.length()) > LONGEST_TEXT) {
            page.append('…');
        }
        return this;
    }

    /** An element that holds text. */
    Html element(String tag, String text) {
        return markup("<" + tag + ">").text(text).markup("</" + tag.split(" ", 2)[0] + ">");
    }

    /** What does not print or turns the direction of text is shown by its number. */
    private void append(int c) {
        switch (c) {
            case '&' -> page.append("&amp;");
            case '<' -> page.append("&lt;");
            case '>' -> page.append("&gt;");
            case '"' -> page.append("&quot;");
            case '\'' -> page.append("&#39;");
            default -> {
                switch (Character.getType(c)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR -> page.append(String.format(Locale.ROOT, "\\u{%X}", c));
                    default -> page.appendCodePoint(c);
                }
            }
        }
    }

    @Override
    public String toString() {
        return page.toString();
    }
}
