package dev.agentvm.traces;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** A JSON object of numbers, texts and lists of texts. */
final class JsonLine {
    private static final JsonFactory FACTORY = new JsonFactory();

    private final Map<String, Object> fields = new LinkedHashMap<>();

    JsonLine put(String field, String value) {
        fields.put(field, value);
        return this;
    }

    JsonLine put(String field, long value) {
        fields.put(field, value);
        return this;
    }

    JsonLine put(String field, List<String> value) {
        fields.put(field, value);
        return this;
    }

    JsonLine put(String field, OptionalInt value) {
        value.ifPresent(number -> put(field, number));
        return this;
    }

    JsonLine put(String field, OptionalLong value) {
        value.ifPresent(number -> put(field, number));
        return this;
    }

    String end() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(text)) {
            json.writeStartObject();
            for (Map.Entry<String, Object> field : fields.entrySet()) {
                json.writeFieldName(field.getKey());
                if (field.getValue() instanceof Long number) {
                    json.writeNumber(number);
                } else if (field.getValue() instanceof String string) {
                    json.writeString(string);
                } else if (field.getValue() instanceof List<?> list) {
                    json.writeStartArray();
                    for (Object element : list) {
                        json.writeString((String) element);
                    }
                    json.writeEndArray();
                }
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    static JsonLine read(String text) throws IOException {
        JsonLine line = new JsonLine();
        try (JsonParser json = FACTORY.createParser(text)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                switch (json.nextToken()) {
                    case VALUE_NUMBER_INT -> line.put(field, json.getLongValue());
                    case VALUE_STRING -> line.put(field, json.getText());
                    case START_ARRAY -> {
                        List<String> texts = new ArrayList<>();
                        while (json.nextToken() == JsonToken.VALUE_STRING) {
                            texts.add(json.getText());
                        }
                        line.put(field, texts);
                    }
                    default -> throw new IOException("neither a number nor a text nor a list of texts: " + field);
                }
            }
        }
        return line;
    }

    String text(String field) {
        return optionalText(field).orElseThrow(() -> new NoSuchElementException(field));
    }

    Optional<String> optionalText(String field) {
        return Optional.ofNullable((String) fields.get(field));
    }

    OptionalLong number(String field) {
        return fields.get(field) instanceof Long number ? OptionalLong.of(number) : OptionalLong.empty();
    }

    OptionalInt smallNumber(String field) {
        return fields.get(field) instanceof Long number ? OptionalInt.of(Math.toIntExact(number)) : OptionalInt.empty();
    }

    List<String> texts(String field) {
        return fields.get(field) instanceof List<?> list
                ? list.stream().map(String.class::cast).toList()
                : List.of();
    }
}
