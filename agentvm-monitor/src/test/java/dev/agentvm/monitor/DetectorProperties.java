package dev.agentvm.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMEvent;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import java.lang.reflect.Field;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class DetectorProperties {
    private static final Rate RATE = new Rate(5, Duration.ofSeconds(10));

    @Provide
    Arbitrary<List<Integer>> times() {
        return Arbitraries.integers().between(0, 60).list().ofMaxSize(60).map(times -> {
            List<Integer> sorted = new ArrayList<>(times);
            Collections.sort(sorted);
            return sorted;
        });
    }

    @Property
    void occurrences_firstFind_isWhereANaiveCountFindsIt(@ForAll("times") List<Integer> times) {
        Occurrences occurrences = new Occurrences(RATE, 3);
        int found = -1;
        for (int i = 0; i < times.size() && found < 0; i++) {
            if (occurrences.add(Story.tcp(times.get(i), 1, 443)).isPresent()) {
                found = i;
            }
        }

        int expected = -1;
        for (int i = 0; i < times.size() && expected < 0; i++) {
            int now = times.get(i);
            if (times.subList(0, i + 1).stream()
                            .filter(time -> now - time <= 10)
                            .count()
                    >= 5) {
                expected = i;
            }
        }
        assertThat(found).isEqualTo(expected);
    }

    @Property
    void distinctOccurrences_firstFind_isWhereANaiveCountFindsIt(
            @ForAll("times") List<Integer> times, @ForAll @Size(60) List<@IntRange(max = 9) Integer> keys) {
        DistinctOccurrences<Integer> occurrences = new DistinctOccurrences<>(RATE, 3);
        int found = -1;
        for (int i = 0; i < times.size() && found < 0; i++) {
            if (occurrences.add(keys.get(i), Story.tcp(times.get(i), 1, 443)).isPresent()) {
                found = i;
            }
        }

        int expected = -1;
        for (int i = 0; i < times.size() && expected < 0; i++) {
            Set<Integer> distinct = new HashSet<>();
            for (int j = 0; j <= i; j++) {
                if (times.get(i) - times.get(j) <= 10) {
                    distinct.add(keys.get(j));
                }
            }
            if (distinct.size() >= 5) {
                expected = i;
            }
        }
        assertThat(found).isEqualTo(expected);
    }

    @Property
    void distinctNames_firstFind_isWhereANaiveCountFindsIt(
            @ForAll("times") List<Integer> times, @ForAll @Size(60) List<@IntRange(max = 19) Integer> keys) {
        DistinctNames names = new DistinctNames(RATE, 8, 3);
        Optional<Long> found = Optional.empty();
        int last = -1;
        while (found.isEmpty() && ++last < times.size()) {
            found = names.add(domain(keys.get(last)), question(times.get(last), keys.get(last)))
                    .map(enough -> enough.rate().amount());
        }

        Optional<Long> expected = Optional.empty();
        int expectedLast = -1;
        while (expected.isEmpty() && ++expectedLast < times.size()) {
            Set<Integer> all = new HashSet<>();
            for (int i = 0; i <= expectedLast; i++) {
                if (times.get(expectedLast) - times.get(i) <= 10) {
                    all.add(keys.get(i));
                }
            }
            String domain = domain(keys.get(expectedLast));
            long ofDomain =
                    all.stream().filter(key -> domain(key).equals(domain)).count();
            expected = ofDomain >= 5 ? Optional.of(5L) : all.size() >= 8 ? Optional.of(8L) : Optional.empty();
        }
        assertThat(found).isEqualTo(expected);
        assertThat(last).isEqualTo(expectedLast);
    }

    private static String domain(int key) {
        return "t" + key % 3 + ".example";
    }

    private static NameResolved question(int time, int key) {
        return Story.answer(time, "n" + key + "." + domain(key));
    }

    @Property
    void rollingSum_ofEqualSteps_isWhatLiesWithin(
            @ForAll @Size(min = 1, max = 50) List<@IntRange(max = 1000) Integer> amounts) {
        RollingSum sum = new RollingSum(Duration.ofSeconds(10));
        for (int i = 0; i < amounts.size(); i++) {
            long actual = sum.add(Story.at(i), Story.at(i + 1), amounts.get(i));
            long expected = amounts.subList(Math.max(0, i - 9), i + 1).stream()
                    .mapToLong(Integer::longValue)
                    .sum();
            assertThat(actual).isEqualTo(expected);
        }
    }

    @Provide
    Arbitrary<VMEvent> fewEvents() {
        Arbitrary<Integer> seconds = Arbitraries.integers().between(0, 100_000);
        return Arbitraries.oneOf(
                Combinators.combine(seconds, Arbitraries.integers().between(0, 100_000), ports())
                        .as((time, host, port) -> Story.tcp(time, host, port)),
                Combinators.combine(
                                seconds,
                                Arbitraries.strings()
                                        .withCharRange('!', '~')
                                        .excludeChars('.')
                                        .ofMaxLength(63))
                        .as((time, label) -> Story.answer(time, label + ".t.example")),
                Combinators.combine(seconds, Arbitraries.longs().greaterOrEqual(0))
                        .as((time, counter) -> Story.sample(time)
                                .sentBytes(counter)
                                .receivedBytes(counter)
                                .memoryBytes(counter)
                                .diskReadBytes(counter)
                                .diskWrittenBytes(counter)
                                .cpuTime(Duration.ofNanos(counter))
                                .vcpus(2)
                                .build()));
    }

    private static Arbitrary<Integer> ports() {
        return Arbitraries.integers().between(1, 65535);
    }

    /** Fewer events than any threshold counts, in any order of time, with the greatest counters: no alert, no failure. */
    @Property(tries = 300)
    void monitor_fewEventsOfAnyKind_raiseNoAlert(
            @ForAll @Size(max = 10) List<@net.jqwik.api.From("fewEvents") VMEvent> few) {
        List<AnomalyDetected> anomalies = new ArrayList<>();
        AnomalyMonitor monitor = new AnomalyMonitor(Thresholds.standard(), anomalies::add);
        few.forEach(monitor::onEvent);

        assertThat(anomalies).extracting(AnomalyDetected::severity).doesNotContain(AnomalyDetected.Severity.ALERT);
    }

    @Property(tries = 20)
    void monitor_sameEvents_sayTheSame(@ForAll long seed) {
        assertThat(kinds(seed)).isEqualTo(kinds(seed));
    }

    private static List<String> kinds(long seed) {
        List<String> kinds = new ArrayList<>();
        AnomalyMonitor monitor =
                new AnomalyMonitor(Thresholds.standard(), anomaly -> kinds.add(anomaly.time() + anomaly.kind()));
        Random random = new Random(seed);
        for (int i = 0; i < 2000; i++) {
            monitor.onEvent(Story.tcp(i * 0.1, random.nextInt(1 << 20), 1 + random.nextInt(65535)));
        }
        return kinds;
    }

    /** A guest that opens a million flows, each another, and asks for half a million names. */
    @org.junit.jupiter.api.Test
    void watch_aMillionFlows_isBounded() {
        Watch watch = new Watch(Thresholds.standard());
        Random random = new Random(1);
        for (int i = 0; i < 1_000_000; i++) {
            Flow flow = new Flow.Builder()
                    .direction(Flow.Direction.FROM_VM)
                    .ipProtocol(Flow.TCP)
                    .destination(IPv4Address.ofBits(random.nextInt()))
                    .destinationPort(1 + random.nextInt(65535))
                    .build();
            Instant time = Story.at(i * 0.01);
            watch.inspect(ConnectionAttempted.of(time, Story.VM, flow, verdict(i), Optional.empty()));
            if (i % 2 == 0) {
                watch.inspect(Story.answer(i * 0.01, "n" + i + ".d" + i % 1000 + ".example"));
            }
        }

        assertThat(reachable(watch)).isLessThan(100_000);
    }

    private static dev.agentvm.network.Verdict verdict(int i) {
        return Story.POLICY.evaluate(Flow.tcp("20.0.0.1", i % 2 == 0 ? 443 : 5432));
    }

    /** How many objects of detectors and collections hang on an object, values of the api left aside. */
    private static int reachable(Object root) {
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        List<Object> open = new ArrayList<>(List.of(root));
        while (!open.isEmpty()) {
            Object next = open.remove(open.size() - 1);
            if (!seen.add(next)) {
                continue;
            }
            if (next instanceof Map<?, ?> map) {
                open.addAll(map.keySet());
                open.addAll(map.values());
            } else if (next instanceof Collection<?> collection) {
                open.addAll(collection);
            } else if (next.getClass().getName().startsWith("dev.agentvm.monitor.")) {
                fields(next).forEach(open::add);
            }
        }
        return seen.size();
    }

    private static List<Object> fields(Object object) {
        List<Object> values = new ArrayList<>();
        for (Class<?> type = object.getClass();
                type.getName().startsWith("dev.agentvm.monitor.");
                type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (!java.lang.reflect.Modifier.isStatic(field.getModifiers())
                        && !field.getType().isPrimitive()) {
                    field.setAccessible(true);
                    try {
                        Optional.ofNullable(field.get(object)).ifPresent(values::add);
                    } catch (IllegalAccessException e) {
                        throw new AssertionError(e);
                    }
                }
            }
        }
        return values;
    }
}
