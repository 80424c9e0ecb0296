package dev.agentvm.libvirt.internal.guest;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The members of a JSON object in a reply, each read as what the protocol says it is. */
record Fields(Map<String, @Nullable Object> members) {

    boolean has(String name) {
        return members.get(name) != null;
    }

    Fields object(String name) throws MalformedReplyException {
        return fields(name, members.get(name));
    }

    List<Fields> objects(String name) throws MalformedReplyException {
        if (!(members.get(name) instanceof List<?> list)) {
            throw wrong(name, "a list");
        }
        List<Fields> objects = new ArrayList<>();
        for (Object element : list) {
            objects.add(fields(name, element));
        }
        return objects;
    }

    @SuppressWarnings("unchecked") // AgentJson makes no other maps
    private static Fields fields(String name, @Nullable Object value) throws MalformedReplyException {
        if (!(value instanceof Map<?, ?> map)) {
            throw wrong(name, "an object");
        }
        return new Fields((Map<String, @Nullable Object>) map);
    }

    String text(String name) throws MalformedReplyException {
        if (!(members.get(name) instanceof String text)) {
            throw wrong(name, "a string");
        }
        return text;
    }

    boolean flag(String name) throws MalformedReplyException {
        if (!(members.get(name) instanceof Boolean flag)) {
            throw wrong(name, "true or false");
        }
        return flag;
    }

    long number(String name, long lowest, long highest) throws MalformedReplyException {
        if (!(members.get(name) instanceof Long number) || number < lowest || number > highest) {
            throw wrong(name, "an integer from " + lowest + " to " + highest);
        }
        return number;
    }

    OptionalLong optionalNumber(String name, long lowest, long highest) throws MalformedReplyException {
        return has(name) ? OptionalLong.of(number(name, lowest, highest)) : OptionalLong.empty();
    }

    /** The bytes of a Base64 member; none if it is absent. */
    byte[] bytes(String name) throws MalformedReplyException {
        if (!has(name)) {
            return new byte[0];
        }
        try {
            return Base64.getDecoder().decode(text(name));
        } catch (IllegalArgumentException e) {
            throw wrong(name, "Base64");
        }
    }

    private static MalformedReplyException wrong(String name, String right) {
        return new MalformedReplyException("its \"" + name + "\" is not " + right);
    }
}
