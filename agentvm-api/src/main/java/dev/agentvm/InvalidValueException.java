package dev.agentvm;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A value that cannot be; the message names the field, the value and what would be right. */
public class InvalidValueException extends AgentVMException {
    private static final long serialVersionUID = 1L;
    private static final int SHOWN = 80;

    private final @Nullable String field;

    /** A fault that belongs to no single field. */
    public InvalidValueException(String message) {
        super(message, FailureContext.of("build"));
        this.field = null;
    }

    /**
     * A fault of one field.
     *
     * @param field the field, in the builder's own words
     * @param value what was given
     * @param expectation what would be right, to follow the value and a colon
     */
    public InvalidValueException(String field, @Nullable Object value, String expectation) {
        super(field + " '" + shown(value) + "': " + expectation, FailureContext.of("build"));
        this.field = field;
    }

    /** The field at fault, if it was a single one. */
    public Optional<String> field() {
        return Optional.ofNullable(field);
    }

    /** Bad input may hold anything; a message must stay one readable line. */
    private static String shown(@Nullable Object value) {
        String text = String.valueOf(value);
        StringBuilder line = new StringBuilder();
        text.codePoints().limit(SHOWN).forEach(c -> {
            if (misleads(c)) {
                line.append(String.format("\\u%04x", c));
            } else {
                line.appendCodePoint(c);
            }
        });
        return text.codePointCount(0, text.length()) > SHOWN ? line + "…" : line.toString();
    }

    private static boolean misleads(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE -> true;
            default -> false;
        };
    }
}
