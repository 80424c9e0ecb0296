package dev.agentvm.examples.harness;

/** The beginning and the end of a text that may be endless. Not thread-safe. */
final class Transcript {
    private final int end;
    private final StringBuilder head = new StringBuilder();
    private final StringBuilder tail = new StringBuilder();
    private long omitted;

    /** Keeps {@code limit} characters. */
    Transcript(int limit) {
        this.end = limit / 2;
    }

    void append(char[] text, int length) {
        int first = Math.min(length, end - head.length());
        head.append(text, 0, first);
        tail.append(text, first, length - first);
        int excess = Math.max(0, tail.length() - end);
        tail.delete(0, excess);
        omitted += excess;
    }

    @Override
    public String toString() {
        return omitted == 0 ? "" + head + tail : head + "\n[" + omitted + " characters left out]\n" + tail;
    }
}
