package dev.agentvm.libvirt.internal.connection;

import java.util.Optional;

/**
 * One line of a list of domains.
 *
 * @param domain the domain
 * @param state its state at that moment
 * @param metadata its metadata element of the namespace that was asked for, as XML, if it has one
 */
public record DomainListing(DomainRef domain, DomainState state, Optional<String> metadata) {}
