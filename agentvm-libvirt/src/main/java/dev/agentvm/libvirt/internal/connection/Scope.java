package dev.agentvm.libvirt.internal.connection;

import java.time.Duration;
import java.util.Optional;

/**
 * What a view of {@link Libvirt} adds to each call.
 *
 * @param timeout how long a caller waits
 * @param undo what to do about a call that succeeds after its caller gave up
 */
record Scope(Duration timeout, Optional<Runnable> undo) {}
