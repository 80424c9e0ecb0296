package dev.agentvm.examples.watch;

/**
 * Text for a terminal. Guests choose names and servers choose answers, perhaps to move the cursor, to hide a line or to
 * turn its direction: of what they write, only letters of one column's width and printable ASCII are let through.
 */
final class Plain {
    private static final String UNKNOWN = "?";

    private Plain() {}

    /** The same text on one line, each character in one column, with a question mark for each that may not be shown. */
    static String of(String text) {
        StringBuilder plain = new StringBuilder(text.length());
        text.codePoints().forEach(character -> {
            if (isHarmless(character)) {
                plain.appendCodePoint(character);
            } else {
                plain.append(UNKNOWN);
            }
        });
        return plain.toString();
    }

    private static boolean isHarmless(int character) {
        boolean ascii = character >= ' ' && character <= '~';
        boolean latin = character >= 0xC0 && character <= 0x24F && Character.isLetter(character);
        return ascii || latin;
    }

    /** The text in so many columns at most. */
    static String cut(String text, int width) {
        if (text.length() <= width) {
            return text;
        }
        return width <= 1 ? ".".repeat(Math.max(0, width)) : text.substring(0, width - 1) + "~";
    }

    /** A host's name in so many columns at most: its end stays, which says whose it is. */
    static String cutHost(String name, int width) {
        return name.length() <= width ? name : "~" + name.substring(name.length() - width + 1);
    }

    /** The text in exactly so many columns, cut off or filled up. */
    static String fit(String text, int width) {
        String cut = cut(text, width);
        return cut + " ".repeat(Math.max(0, width - cut.length()));
    }

    /** The text at the end of so many columns. */
    static String right(String text, int width) {
        return text.length() >= width ? fit(text, width) : " ".repeat(width - text.length()) + text;
    }
}
