package dev.agentvm.monitor;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;

/**
 * Questions that carry data to whoever serves a domain: each must differ from those before, or it is answered on the way.
 * They are many, or long and without the look of words.
 */
final class DnsTunnel implements Detector {
    private static final int DOMAINS = 32;

    private final Thresholds thresholds;
    private final Lru<String, Domain> domains = new Lru<>(DOMAINS);

    /** Names are remembered by a digest, since a guest may choose long ones. */
    private record Domain(DistinctOccurrences<UUID> longNames, DistinctOccurrences<UUID> names) {}

    DnsTunnel(Thresholds thresholds) {
        this.thresholds = thresholds;
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        if (!(event instanceof NameResolved answer)) {
            return Optional.empty();
        }
        DnsName name = DnsName.of(answer.query());
        return name.isReverse() ? Optional.empty() : inspect(answer, name);
    }

    private Optional<Finding> inspect(NameResolved answer, DnsName name) {
        Domain domain = domains.computeIfAbsent(
                name.domain(),
                any -> new Domain(
                        new DistinctOccurrences<>(thresholds.dnsLongNames(), thresholds.evidence()),
                        new DistinctOccurrences<>(thresholds.dnsNames(), thresholds.evidence())));
        UUID digest = UUID.nameUUIDFromBytes(answer.query().getBytes(StandardCharsets.UTF_8));
        Optional<Finding> many = domain.names()
                .add(digest, answer)
                .map(evidence -> Finding.alert(
                        AnomalyKinds.DNS_TUNNEL,
                        "Different names of " + name.domain() + ": " + thresholds.dnsNames(),
                        evidence));
        boolean looksLikeData =
                name.longestLabel() >= thresholds.dnsLabelLength() && name.entropy() >= thresholds.dnsEntropy();
        return looksLikeData
                ? domain.longNames()
                        .add(digest, answer)
                        .map(evidence -> Finding.alert(
                                AnomalyKinds.DNS_TUNNEL,
                                "Different names of " + name.domain() + " that look like data: "
                                        + thresholds.dnsLongNames(),
                                evidence))
                        .or(() -> many)
                : many;
    }
}
