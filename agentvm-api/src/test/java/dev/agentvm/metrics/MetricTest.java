package dev.agentvm.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.InvalidValueException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MetricTest {
    @ParameterizedTest
    @EnumSource
    void metric_anyOfThem_hasANameAndTagsThatEverySystemTakes(Metric metric) {
        assertThat(metric.metricName()).matches("agentvm(\\.[a-z]+)+");
        assertThat(metric.tags()).allMatch(tag -> tag.matches("[a-z]+")).doesNotHaveDuplicates();
        assertThat(metric.description()).isNotBlank().doesNotEndWith(".");
    }

    @Test
    void metrics_names_areUnlikeEachOther() {
        assertThat(Arrays.stream(Metric.values()).map(Metric::metricName)).doesNotHaveDuplicates();
    }

    @Test
    void series_asManyValuesAsTags_keepsThem() {
        List<String> values = new ArrayList<>(List.of("from_vm", "denied"));

        Series series = new Series(Metric.CONNECTIONS, values);
        values.clear();

        assertThat(series).isEqualTo(Metric.CONNECTIONS.with("from_vm", "denied"));
    }

    @Test
    void series_otherNumberOfValues_isRefused() {
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> Metric.CONNECTIONS.with("from_vm"))
                .withMessageContaining("[direction, verdict]");
    }
}
