package dev.agentvm.libvirt.internal.guest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Writes requests and reads replies of the guest agent. Replies come from the guest: nothing in them is believed. */
final class AgentJson {
    /** libvirt gives up on replies of more than 10 MiB, so a longer one is no reply. */
    static final int MAX_REPLY = 10 * 1024 * 1024;

    private static final int MAX_VALUES = 10_000;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxDocumentLength(MAX_REPLY)
                    .maxStringLength(MAX_REPLY)
                    .maxNestingDepth(8)
                    .maxNumberLength(20)
                    .maxNameLength(100)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            // Names come from the guest and would stay in the process for ever.
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    private AgentJson() {}

    /** A request; arguments are strings, integers, booleans and lists of strings. */
    static String request(String name, Map<String, ?> arguments) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("execute", name);
            if (!arguments.isEmpty()) {
                json.writeObjectFieldStart("arguments");
                for (Map.Entry<String, ?> argument : arguments.entrySet()) {
                    json.writeFieldName(argument.getKey());
                    write(json, argument.getValue());
                }
                json.writeEndObject();
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void write(JsonGenerator json, Object value) throws IOException {
        if (value instanceof List<?> list) {
            json.writeStartArray();
            for (Object element : list) {
                write(json, element);
            }
            json.writeEndArray();
        } else if (value instanceof Boolean flag) {
            json.writeBoolean(flag);
        } else if (value instanceof Number number) {
            json.writeNumber(number.longValue());
        } else {
            json.writeString((String) value);
        }
    }

    /** The object that a reply is. */
    static Fields reply(String text) throws MalformedReplyException {
        if (text.length() > MAX_REPLY) {
            throw new MalformedReplyException("it is longer than " + MAX_REPLY + " characters");
        }
        try (JsonParser json = FACTORY.createParser(text)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new MalformedReplyException("it is not a JSON object");
            }
            Fields fields = new Fields(object(json, new int[1]));
            if (json.nextToken() != null) {
                throw new MalformedReplyException("something follows it");
            }
            return fields;
        } catch (StreamConstraintsException e) {
            throw new MalformedReplyException("it is beyond the protocol's bounds: " + e.getOriginalMessage());
        } catch (IOException e) {
            throw new MalformedReplyException("it is not JSON");
        }
    }

    private static Map<String, @Nullable Object> object(JsonParser json, int[] count)
            throws IOException, MalformedReplyException {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        while (next(json) != JsonToken.END_OBJECT) {
            String name = json.currentName();
            next(json);
            members.put(Objects.requireNonNull(name), value(json, count));
        }
        return members;
    }

    private static List<@Nullable Object> array(JsonParser json, int[] count)
            throws IOException, MalformedReplyException {
        List<@Nullable Object> elements = new ArrayList<>();
        while (next(json) != JsonToken.END_ARRAY) {
            elements.add(value(json, count));
        }
        return elements;
    }

    private static @Nullable Object value(JsonParser json, int[] count) throws IOException, MalformedReplyException {
        if (++count[0] > MAX_VALUES) {
            throw new MalformedReplyException("it has more than " + MAX_VALUES + " values");
        }
        return switch (json.currentToken()) {
            case START_OBJECT -> object(json, count);
            case START_ARRAY -> array(json, count);
            case VALUE_STRING -> json.getText();
            case VALUE_NUMBER_INT -> json.getLongValue();
            case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            default -> null;
        };
    }

    private static JsonToken next(JsonParser json) throws IOException, MalformedReplyException {
        JsonToken token = json.nextToken();
        if (token == null) {
            throw new MalformedReplyException("it ends too early");
        }
        return token;
    }
}
