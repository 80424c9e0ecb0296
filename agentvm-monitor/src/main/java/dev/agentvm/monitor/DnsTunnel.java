package dev.agentvm.monitor;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Questions that carry data to whoever serves a domain: each must differ from those before, or it is answered on the way.
 * They are many, or long and without the look of words, or for records that hold whatever one likes.
 */
final class DnsTunnel implements Detector {
    private static final int DOMAINS = 32;
    /** Types by RFC 1035, section 3.2.2. */
    private static final Set<Integer> NULL_AND_TXT = Set.of(10, 16);

    private final Thresholds thresholds;
    private final Lru<String, Domain> domains = new Lru<>(DOMAINS);

    private record Domain(
            DistinctOccurrences<UUID> longNames,
            DistinctOccurrences<UUID> textNames,
            DistinctOccurrences<UUID> names) {}

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
                        new DistinctOccurrences<>(thresholds.dnsTextNames(), thresholds.evidence()),
                        new DistinctOccurrences<>(thresholds.dnsNames(), thresholds.evidence())));
        // Names are remembered by a digest, since a guest may choose long ones.
        UUID digest = UUID.nameUUIDFromBytes(answer.query().getBytes(StandardCharsets.UTF_8));
        boolean looksLikeData =
                name.longestLabel() >= thresholds.dnsLabelLength() && name.entropy() >= thresholds.dnsEntropy();
        List<Finding> findings = new ArrayList<>();
        if (looksLikeData) {
            domain.longNames()
                    .add(digest, answer)
                    .map(evidence -> finding(name, evidence, " that look like data: " + thresholds.dnsLongNames()))
                    .ifPresent(findings::add);
        }
        if (NULL_AND_TXT.contains(answer.type())) {
            domain.textNames()
                    .add(digest, answer)
                    .map(evidence -> finding(name, evidence, " asked for text or bytes: " + thresholds.dnsTextNames()))
                    .ifPresent(findings::add);
        }
        domain.names()
                .add(digest, answer)
                .map(evidence -> finding(name, evidence, ": " + thresholds.dnsNames()))
                .ifPresent(findings::add);
        return findings.stream().findFirst();
    }

    private static Finding finding(DnsName name, List<VMEvent> evidence, String what) {
        return Finding.alert(AnomalyKinds.DNS_TUNNEL, "Different names of " + name.domain() + what, evidence);
    }
}
