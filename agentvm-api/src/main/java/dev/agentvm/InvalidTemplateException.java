package dev.agentvm;

import org.jspecify.annotations.Nullable;

/** A template that cannot be; the message names the field, the value and what would be right. */
public class InvalidTemplateException extends InvalidValueException {
    private static final long serialVersionUID = 1L;

    /** A fault that belongs to no single field. */
    public InvalidTemplateException(String message) {
        super(message);
    }

    /**
     * A fault of one field.
     *
     * @param field the field, in the builder's own words
     * @param value what was given
     * @param expectation what would be right, to follow the value and a colon
     */
    public InvalidTemplateException(String field, @Nullable Object value, String expectation) {
        super(field, value, expectation);
    }
}
