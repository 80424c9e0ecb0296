package dev.agentvm.examples.watch;

/**
 * A line of the screen. Immutable.
 *
 * @param text what it says, harmless and no wider than the screen
 * @param tone how it looks where there are colours
 */
record Line(String text, Tone tone) {
    /** How a line looks. */
    enum Tone {
        PLAIN("0"),
        TITLE("1"),
        FAINT("2"),
        DENIED("33"),
        ALERT("1;31");

        private final String code;

        Tone(String code) {
            this.code = code;
        }

        /** The parameter of the escape sequence that switches it on. */
        String code() {
            return code;
        }
    }
}
