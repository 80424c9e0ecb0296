package dev.agentvm.event;

import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.immutables.value.Value;

/** Which VM an event is about. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class VMIdentity implements WithVMIdentity {
    VMIdentity() {}

    /** A VM without labels and without an owner that is known, launched from a template of its own name. */
    public static VMIdentity of(UUID id, String name) {
        return new Builder().id(id).name(name).build();
    }

    /** Its identity, unlike that of any other VM before or after. */
    public abstract UUID id();

    /** Its name, which another VM may have had before. */
    public abstract String name();

    /** The name of the template it was launched from; its own name if not said. */
    @Value.Default
    public String template() {
        return name();
    }

    /** The program that launched it, as the hypervisor tells programs apart; empty if it is not known. */
    public abstract Optional<String> owner();

    /** The labels of its template. */
    public abstract Map<String, String> labels();

    /** Its name and identity, for people. */
    @Override
    public String toString() {
        return name() + " (" + id() + ")";
    }

    /** A builder that starts with this identity. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /** Makes a {@link VMIdentity}. Not thread-safe. */
    public static final class Builder extends ImmutableVMIdentity.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
