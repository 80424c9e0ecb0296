package dev.agentvm.libvirt.internal.xml;

import jakarta.xml.bind.annotation.adapters.XmlAdapter;
import org.jspecify.annotations.Nullable;

/** libvirt's {@code virYesNo}; what is neither is left unread. */
final class YesNoAdapter extends XmlAdapter<@Nullable String, @Nullable Boolean> {
    @Override
    public @Nullable Boolean unmarshal(@Nullable String text) {
        return "yes".equals(text) ? Boolean.TRUE : "no".equals(text) ? Boolean.FALSE : null;
    }

    @Override
    public @Nullable String marshal(@Nullable Boolean value) {
        return value == null ? null : value ? "yes" : "no";
    }
}
