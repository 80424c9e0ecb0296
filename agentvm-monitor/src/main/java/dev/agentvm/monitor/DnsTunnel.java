package dev.agentvm.monitor;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Questions that carry data to whoever serves a domain: each must differ from those before, or it is answered on the way.
 * They are many, or long and without the look of words, or for records that hold whatever one likes.
 */
final class DnsTunnel implements Detector {
    /** Types by RFC 1035, section 3.2.2. */
    private static final Set<Integer> NULL_AND_TXT = Set.of(10, 16);

    private static final int PTR = 12;

    private final Thresholds thresholds;
    private final DistinctNames longNames;
    private final DistinctNames textNames;
    private final DistinctNames names;

    DnsTunnel(Thresholds thresholds) {
        this.thresholds = thresholds;
        longNames = count(thresholds.dnsLongNames());
        textNames = count(thresholds.dnsTextNames());
        names = count(thresholds.dnsNames());
    }

    private DistinctNames count(Rate ofOneDomain) {
        long ofAll = Math.min(ofOneDomain.amount() * thresholds.dnsAllDomains(), Thresholds.MOST_COUNTED);
        return new DistinctNames(ofOneDomain, ofAll, thresholds.evidence());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        if (!(event instanceof NameResolved answer)) {
            return Optional.empty();
        }
        DnsName name = DnsName.of(answer.query());
        return answer.type() == PTR && name.isReverse() ? Optional.empty() : inspect(answer, name);
    }

    private Optional<Finding> inspect(NameResolved answer, DnsName name) {
        List<Finding> findings = new ArrayList<>();
        if (name.longestLabel() >= thresholds.dnsLabelLength() && name.entropy() >= thresholds.dnsEntropy()) {
            longNames
                    .add(name.domain(), answer)
                    .map(enough -> finding(enough, " that look like data"))
                    .ifPresent(findings::add);
        }
        if (NULL_AND_TXT.contains(answer.type())) {
            textNames
                    .add(name.domain(), answer)
                    .map(enough -> finding(enough, " asked for text or bytes"))
                    .ifPresent(findings::add);
        }
        names.add(name.domain(), answer).map(enough -> finding(enough, "")).ifPresent(findings::add);
        return findings.stream().findFirst();
    }

    private static Finding finding(DistinctNames.Enough enough, String look) {
        return Finding.alert(
                AnomalyKinds.DNS_TUNNEL,
                "Different names of " + enough.ofWhat() + look + ": " + enough.rate(),
                enough.evidence());
    }
}
