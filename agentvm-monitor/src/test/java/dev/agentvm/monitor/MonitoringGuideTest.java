package dev.agentvm.monitor;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.VMEvent;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What people are told is what there is. */
class MonitoringGuideTest {
    private static final Path GUIDE = Path.of("..", "docs", "monitoring.md");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final long MIB = 1024L * 1024;

    private final Thresholds standard = Thresholds.standard();

    /** The rows of the table that begins so. */
    private static List<String> table(String header) throws IOException {
        return Files.readAllLines(GUIDE).stream()
                .dropWhile(line -> !line.startsWith(header))
                .skip(2)
                .takeWhile(line -> line.startsWith("|"))
                .toList();
    }

    private static Stream<String> namesInFirstCell(String row) {
        return CODE.matcher(row.split("\\|")[1]).results().map(found -> found.group(1));
    }

    @Test
    void events_ofEachKind_areInTheGuideOnce() throws IOException {
        assertThat(table("| event |").stream().flatMap(MonitoringGuideTest::namesInFirstCell))
                .containsExactlyInAnyOrderElementsOf(
                        kinds(VMEvent.class).map(Class::getSimpleName).toList());
    }

    private static Stream<Class<?>> kinds(Class<?> type) {
        return type.isSealed()
                ? Arrays.stream(type.getPermittedSubclasses()).flatMap(MonitoringGuideTest::kinds)
                : Stream.of(type);
    }

    @Test
    void anomalies_ofEachKind_areInTheGuide() throws IOException {
        Set<String> known = Arrays.stream(AnomalyKinds.class.getFields())
                .map(field -> {
                    try {
                        return (String) field.get(null);
                    } catch (ReflectiveOperationException e) {
                        throw new LinkageError(e.getMessage(), e);
                    }
                })
                .collect(toSet());

        assertThat(table("| kind | found when").stream()
                        .flatMap(MonitoringGuideTest::namesInFirstCell)
                        .collect(toSet()))
                .isEqualTo(known);
    }

    @Test
    void rates_standard_areThoseOfTheGuide() throws IOException {
        List<String> stated = table("| kind | found when").stream()
                .flatMap(row -> Pattern.compile("`\\w+`: [0-9][^|;]*? in [0-9]+ (s|min)")
                        .matcher(row)
                        .results())
                .map(MatchResult::group)
                .toList();

        assertThat(stated)
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(Thresholds.class.getMethods())
                        .filter(method -> method.getReturnType() == Rate.class)
                        .map(method -> "`" + method.getName() + "`: " + words(rate(method)))
                        .toList());
    }

    private Rate rate(Method threshold) {
        try {
            return (Rate) threshold.invoke(standard);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    private static String words(Rate rate) {
        long mebibytes = rate.amount() / MIB;
        String amount = mebibytes == 0 ? "" + rate.amount() : mebibytes < 1024 ? mebibytes + " MiB" : "1 GiB";
        return amount + " in " + words(rate.within());
    }

    private static String words(Duration time) {
        if (time.toMinutes() == 0) {
            return time.toSeconds() + " s";
        }
        return time.toHours() == 0 ? time.toMinutes() + " min" : time.toHours() + " h";
    }

    @Test
    void otherThresholds_standard_areThoseOfTheGuide() throws IOException {
        assertThat(String.join("\n", table("| kind | found when")))
                .contains("a label of " + standard.dnsLabelLength() + " bytes or more and an entropy of "
                        + standard.dnsEntropy() + " bits per byte or more")
                .contains("`uploadRatio`: " + (long) standard.uploadRatio() + " ")
                .contains("`dnsAllDomains`: " + standard.dnsAllDomains() + " ")
                .contains("`beaconIntervals`: " + standard.beaconIntervals() + ";")
                .contains("`beaconJitter`: a variation of " + standard.beaconJitter() + ";")
                .contains("`beaconShortest`, `beaconLongest`: " + words(standard.beaconShortest()) + " to "
                        + words(standard.beaconLongest()) + " ")
                .contains("`cpuShare`: " + standard.cpuShare() + " for `cpuTime`: " + words(standard.cpuTime()) + " ")
                .contains("`outlierScore`: " + standard.outlierScore() + " standard deviations")
                .contains("`outlierSamples`: " + standard.outlierSamples() + " ");
        assertThat(GUIDE)
                .content()
                .contains("the latest " + standard.evidence() + " of the events")
                .contains("once in " + standard.quiet().toSeconds() + " seconds (`quiet`)");
    }
}
