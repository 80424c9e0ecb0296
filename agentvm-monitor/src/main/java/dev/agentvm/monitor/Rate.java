package dev.agentvm.monitor;

import dev.agentvm.InvalidValueException;
import java.time.Duration;

/**
 * So much in so short a time, such as 100 connections within a minute. Immutable, safe for use by many threads.
 *
 * @param amount how much, in the unit that the threshold says; at least 1
 * @param within in what time; more than zero and at most 3,650 days
 */
public record Rate(long amount, Duration within) {
    /**
     * A rate.
     *
     * @throws InvalidValueException if the amount or the time is out of range
     */
    public Rate {
        if (amount < 1) {
            throw new InvalidValueException("amount", amount, "must be at least 1");
        }
        Times.positive("within", within);
    }

    /** For example {@code 100 within PT1M}. */
    @Override
    public String toString() {
        return amount + " within " + within;
    }
}
