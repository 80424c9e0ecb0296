package dev.agentvm.libvirt.internal.network;

/**
 * One thing that was looked at on the host.
 *
 * @param id a short name that does not change between versions
 * @param severity what it means
 * @param evidence what was seen
 * @param remedy what to do about it; empty if there is nothing to do
 */
public record Finding(String id, Severity severity, String evidence, String remedy) {
    /** What a finding means. */
    public enum Severity {
        /** As it should be. */
        OK,
        /** A promise is kept in a weaker form. */
        WARNING,
        /** A promise cannot be kept, so nothing is launched. */
        FATAL
    }

    static Finding ok(String id, String evidence) {
        return new Finding(id, Severity.OK, evidence, "");
    }

    static Finding warning(String id, String evidence, String remedy) {
        return new Finding(id, Severity.WARNING, evidence, remedy);
    }

    static Finding fatal(String id, String evidence, String remedy) {
        return new Finding(id, Severity.FATAL, evidence, remedy);
    }

    @Override
    public String toString() {
        return severity + " " + id + ": " + evidence + (remedy.isEmpty() ? "" : ". " + remedy);
    }
}
