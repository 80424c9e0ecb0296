package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.adapters.XmlAdapter;
import org.jspecify.annotations.Nullable;

/** libvirt's {@code virOnOff}; what is neither is left unread. */
final class OnOffAdapter extends XmlAdapter<@Nullable String, @Nullable Boolean> {
    @Override
    public @Nullable Boolean unmarshal(@Nullable String text) {
        return "on".equals(text) ? Boolean.TRUE : "off".equals(text) ? Boolean.FALSE : null;
    }

    @Override
    public @Nullable String marshal(@Nullable Boolean value) {
        return value == null ? null : value ? "on" : "off";
    }
}
