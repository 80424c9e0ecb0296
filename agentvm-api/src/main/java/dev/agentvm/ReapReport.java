package dev.agentvm;

import java.util.List;
import org.immutables.value.Value;

/** What was found that nobody owned any more, and what became of it. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class ReapReport {
    ReapReport() {}

    /**
     * Each thing removed, or in a dry run each that would be, in words such as
     * {@code vm-1 (4f0c…): its time to live is over}.
     */
    public abstract List<String> removed();

    /** Each thing that should have gone but could not be removed, with the reason. */
    public abstract List<String> failed();

    /** Whether nothing was found. */
    public final boolean isEmpty() {
        return removed().isEmpty() && failed().isEmpty();
    }

    /** Makes a {@link ReapReport}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableReapReport.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
