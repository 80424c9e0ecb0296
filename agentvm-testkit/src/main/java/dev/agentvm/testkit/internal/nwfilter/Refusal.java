package dev.agentvm.testkit.internal.nwfilter;

import dev.agentvm.testkit.NwfilterException;
import dev.agentvm.testkit.NwfilterException.Kind;

/** The three ways to say no. */
final class Refusal {
    private Refusal() {}

    static NwfilterException define(String message) {
        return new NwfilterException(Kind.DEFINE_REFUSED, message);
    }

    static NwfilterException start(String message) {
        return new NwfilterException(Kind.START_REFUSED, message);
    }

    static NwfilterException notModelled(String message) {
        return new NwfilterException(Kind.NOT_MODELLED, message);
    }
}
