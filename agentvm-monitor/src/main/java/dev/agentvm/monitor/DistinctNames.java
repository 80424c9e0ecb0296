package dev.agentvm.monitor;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Counts different names that were asked for: whether there were, within a time, enough of one domain, or enough of all
 * together. Since enough of all bounds what is remembered, no domain is forgotten before its time, whatever else is asked
 * for in between.
 */
final class DistinctNames {
    private final Rate ofOneDomain;
    private final Rate ofAll;
    private final int evidence;
    /** By name, the longest ago first. */
    private final Map<String, Asked> asked = new LinkedHashMap<>();

    private final Map<String, Integer> perDomain = new HashMap<>();

    private record Asked(String domain, NameResolved answer) {}

    /** The latest events that show that the names were enough. */
    record Enough(String ofWhat, Rate rate, List<VMEvent> evidence) {}

    /**
     * A count.
     *
     * @param allNames how many are enough of all domains together, in the same time; not less than of one
     */
    DistinctNames(Rate ofOneDomain, long allNames, int evidence) {
        this.ofOneDomain = ofOneDomain;
        ofAll = new Rate(allNames, ofOneDomain.within());
        this.evidence = evidence;
    }

    /** What is enough with this answer; counting it then begins anew. */
    Optional<Enough> add(String domain, NameResolved answer) {
        if (asked.remove(answer.query()) == null) {
            perDomain.merge(domain, 1, Integer::sum);
        }
        asked.put(answer.query(), new Asked(domain, answer));
        forget(answer.time());
        if (perDomain.getOrDefault(domain, 0) >= ofOneDomain.amount()) {
            return Optional.of(new Enough(domain, ofOneDomain, take(each -> each.domain.equals(domain))));
        }
        return asked.size() >= ofAll.amount()
                ? Optional.of(new Enough("any domain", ofAll, take(each -> true)))
                : Optional.empty();
    }

    private void forget(Instant now) {
        Iterator<Asked> all = asked.values().iterator();
        while (all.hasNext()) {
            Asked oldest = all.next();
            if (Duration.between(oldest.answer.time(), now).abs().compareTo(ofOneDomain.within()) <= 0) {
                return;
            }
            all.remove();
            perDomain.computeIfPresent(oldest.domain, (any, count) -> count == 1 ? null : count - 1);
        }
    }

    private List<VMEvent> take(Predicate<Asked> which) {
        List<Asked> taken = asked.values().stream().filter(which).toList();
        asked.values().removeIf(which);
        taken.forEach(each -> perDomain.remove(each.domain));
        return taken.stream()
                .skip(Math.max(0, taken.size() - evidence))
                .<VMEvent>map(Asked::answer)
                .toList();
    }
}
