package dev.agentvm.libvirt.internal.guest;

/** A reply that is not what the protocol says; never leaves this package. */
final class MalformedReplyException extends Exception {
    private static final long serialVersionUID = 1L;

    MalformedReplyException(String message) {
        super(message);
    }
}
