package dev.agentvm;

import java.util.Objects;

/**
 * How much output of a command {@link VM#exec} returns, and what becomes of more. Immutable, safe for use by many threads.
 *
 * @param bytes how much, 2 to {@link Command#MAX_OUTPUT_BYTES}; to half of that where the ends are kept, since it then
 *     counts for each output
 * @param excess what becomes of a command that writes more
 */
public record OutputLimit(int bytes, Excess excess) {
    /** What becomes of a command that writes more than its limit. */
    public enum Excess {
        /** It is killed, and {@link OutputLimitException} is thrown: output is complete or absent. */
        FAIL,
        /** It runs on, and the middle of its output is left out; {@link ExecResult} says how much. */
        KEEP_ENDS
    }

    /** Checks the values. */
    public OutputLimit {
        Objects.requireNonNull(excess, "excess");
        Checks.within("bytes", bytes, 2, Command.MAX_OUTPUT_BYTES / (excess == Excess.KEEP_ENDS ? 2 : 1));
    }

    /** A command that writes more than that many bytes to both its outputs together is killed. */
    public static OutputLimit fail(int bytes) {
        return new OutputLimit(bytes, Excess.FAIL);
    }

    /** Of each output the first and the last bytes are kept, half of that many each. */
    public static OutputLimit keepEnds(int bytes) {
        return new OutputLimit(bytes, Excess.KEEP_ENDS);
    }
}
