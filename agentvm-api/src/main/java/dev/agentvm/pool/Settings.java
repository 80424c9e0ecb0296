package dev.agentvm.pool;

import dev.agentvm.LaunchOptions;
import dev.agentvm.VMTemplate;
import java.time.Duration;
import java.util.Optional;

/**
 * What a pool is to be.
 *
 * @param template what its VMs are
 * @param launchOptions how they are launched
 * @param min how many stand ready
 * @param max how many there are at most, whatever their state
 * @param maxUses how many leases one VM serves, one after the other
 * @param maxAge how old a VM may be when it is lent
 * @param idleTimeout how long those beyond {@code min} stand ready
 * @param healthCheck what a VM must pass before it is lent
 */
record Settings(
        VMTemplate template,
        LaunchOptions launchOptions,
        int min,
        int max,
        int maxUses,
        Optional<Duration> maxAge,
        Optional<Duration> idleTimeout,
        HealthCheck healthCheck) {}
