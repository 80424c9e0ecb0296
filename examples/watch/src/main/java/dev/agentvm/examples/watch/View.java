package dev.agentvm.examples.watch;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * All that is to be shown, at one moment. Immutable.
 *
 * @param time the moment
 * @param rows the VMs
 * @param alerts what somebody should look at, the latest first
 * @param news what else happened, the latest first
 * @param trouble why this may be out of date
 */
record View(Instant time, List<Row> rows, List<News> alerts, List<News> news, Optional<String> trouble) {}
