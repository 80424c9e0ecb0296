package dev.agentvm.monitor.audit;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One JSON object on one line of printable ASCII: nothing in it breaks a line or acts on a terminal. */
final class Json implements AutoCloseable {
    /** Longer texts are cut: nobody makes a line of megabytes. */
    private static final int LONGEST_TEXT = 4096;

    private static final int MOST_ELEMENTS = 256;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .build()
            .setCharacterEscapes(new EscapeDelete());

    private final StringWriter text = new StringWriter();
    private final JsonGenerator generator;

    private static final class EscapeDelete extends CharacterEscapes {
        private static final long serialVersionUID = 1L;

        @Override
        public int[] getEscapeCodesForAscii() {
            int[] escapes = CharacterEscapes.standardAsciiEscapesForJSON();
            escapes[0x7f] = CharacterEscapes.ESCAPE_STANDARD;
            return escapes;
        }

        @Override
        public @Nullable SerializableString getEscapeSequence(int character) {
            return null;
        }
    }

    interface Writing {
        void run() throws IOException;
    }

    Json() {
        try {
            generator = FACTORY.createGenerator(text);
            generator.writeStartObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Json write(Writing writing) {
        try {
            writing.run();
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException("a string takes all", e);
        }
    }

    Json put(String field, String value) {
        return write(() -> generator.writeStringField(field, cut(value)));
    }

    Json put(String field, long value) {
        return write(() -> generator.writeNumberField(field, value));
    }

    Json put(String field, boolean value) {
        return write(() -> generator.writeBooleanField(field, value));
    }

    Json put(String field, Collection<String> values) {
        return write(() -> {
            generator.writeArrayFieldStart(field);
            for (String value : values.stream().limit(MOST_ELEMENTS).toList()) {
                generator.writeString(cut(value));
            }
            if (values.size() > MOST_ELEMENTS) {
                generator.writeString("[" + (values.size() - MOST_ELEMENTS) + " more]");
            }
            generator.writeEndArray();
        });
    }

    Json put(String field, Map<String, String> values) {
        object(
                field,
                () -> values.entrySet().stream()
                        .limit(MOST_ELEMENTS)
                        .forEach(entry -> put(cut(entry.getKey()), entry.getValue())));
        return leftOut(field, values.size());
    }

    Json object(String field, Runnable content) {
        return write(() -> {
            generator.writeObjectFieldStart(field);
            content.run();
            generator.writeEndObject();
        });
    }

    /** An array of objects, each filled by its own content. */
    Json objects(String field, List<Runnable> contents) {
        write(() -> {
            generator.writeArrayFieldStart(field);
            for (Runnable content : contents.stream().limit(MOST_ELEMENTS).toList()) {
                generator.writeStartObject();
                content.run();
                generator.writeEndObject();
            }
            generator.writeEndArray();
        });
        return leftOut(field, contents.size());
    }

    /** Says how many of what has no place for words are cut. */
    private Json leftOut(String field, int size) {
        return size > MOST_ELEMENTS ? put(field + "LeftOut", size - MOST_ELEMENTS) : this;
    }

    private static String cut(String value) {
        return value.length() <= LONGEST_TEXT
                ? value
                : value.substring(0, LONGEST_TEXT) + "[" + (value.length() - LONGEST_TEXT) + " more characters]";
    }

    /** Ends the object. */
    String end() {
        write(() -> {
            generator.writeEndObject();
            generator.close();
        });
        return text.toString();
    }

    @Override
    public void close() {
        write(generator::close);
    }
}
