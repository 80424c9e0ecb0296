package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.adapters.XmlAdapter;
import java.time.DateTimeException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A time as ISO-8601; what is no time is left unread. */
final class DurationAdapter extends XmlAdapter<@Nullable String, @Nullable Duration> {
    @Override
    public @Nullable Duration unmarshal(@Nullable String text) {
        try {
            return text == null ? null : Duration.parse(text);
        } catch (DateTimeException e) {
            return null;
        }
    }

    @Override
    public @Nullable String marshal(@Nullable Duration value) {
        return value == null ? null : value.toString();
    }
}
