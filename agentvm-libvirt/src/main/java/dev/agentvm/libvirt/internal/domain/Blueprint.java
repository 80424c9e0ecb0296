package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.network.MacAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * How a VM was launched, as far as it takes to put it back.
 *
 * @param domain its domain
 * @param boot what it booted
 * @param seeded whether it has a seed beside its disk
 * @param mac the address of its network card, if it has one
 * @param timeout how long its guest agent may take to answer
 * @param create creates its domain, paused before its first instruction, with that disk
 */
record Blueprint(
        DomainRef domain,
        BootSource boot,
        boolean seeded,
        Optional<MacAddress> mac,
        Duration timeout,
        Consumer<VMDisk> create) {}
