package dev.agentvm.monitor;

import dev.agentvm.InvalidValueException;
import java.time.Duration;

/**
 * So much in so short a time, such as 100 connections within a minute. Immutable, safe for use by many threads.
 *
 * @param amount how much, in the unit that the threshold says; at least 1
 * @param within in what time; positive
 */
public record Rate(long amount, Duration within) {
    /**
     * A rate.
     *
     * @throws InvalidValueException if the amount or the time is not positive
     */
    public Rate {
        if (amount < 1) {
            throw new InvalidValueException("amount", amount, "must be at least 1");
        }
        if (within.isNegative() || within.isZero()) {
            throw new InvalidValueException("within", within, "must be positive");
        }
    }

    /** For example {@code 100 within PT1M}. */
    @Override
    public String toString() {
        return amount + " within " + within;
    }
}
