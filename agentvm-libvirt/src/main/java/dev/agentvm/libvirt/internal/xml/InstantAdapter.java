package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.adapters.XmlAdapter;
import java.time.DateTimeException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A moment as ISO-8601 in UTC; what is no moment is left unread. */
final class InstantAdapter extends XmlAdapter<@Nullable String, @Nullable Instant> {
    @Override
    public @Nullable Instant unmarshal(@Nullable String text) {
        try {
            return text == null ? null : Instant.parse(text);
        } catch (DateTimeException e) {
            return null;
        }
    }

    @Override
    public @Nullable String marshal(@Nullable Instant value) {
        return value == null ? null : value.toString();
    }
}
