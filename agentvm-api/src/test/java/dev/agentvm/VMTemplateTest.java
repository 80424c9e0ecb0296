package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class VMTemplateTest {
    private static final VMTemplate VM = new VMTemplate.Builder().name("vm").build();

    @Test
    void build_nameAlone_isCompleteByDefault() {
        assertThat(VM.name()).isEqualTo("vm");
        assertThat(VM.image()).isEqualTo(GuestImage.named("default"));
        assertThat(VM.resources()).isEqualTo(Resources.standard());
        assertThat(VM.networkMode()).isEqualTo(NetworkMode.NAT_FILTERED);
        assertThat(VM.networkPolicy()).isEqualTo(NetworkPolicy.agentDefault());
        assertThat(VM.bandwidth()).isEqualTo(BandwidthLimit.standard());
        assertThat(VM.timeToLive()).isEmpty();
        assertThat(VM.idleTimeout()).isEmpty();
        assertThat(VM.labels()).isEmpty();
    }

    @Test
    void build_withoutName_isRefusedAndSaysWhatIsMissing() {
        assertThatThrownBy(() -> new VMTemplate.Builder().build())
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessageContaining("VMTemplate")
                .hasMessageContaining("name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"v", "V", "vm-1", "vm_1.test", "a..", "Z9"})
    void name_good_isKept(String name) {
        assertThat(VM.withName(name).name()).isEqualTo(name);
    }

    @Test
    void name_lengthAtAndOverItsBound_isTakenAndRefused() {
        assertThat(VM.withName("v".repeat(61)).name()).hasSize(61);
        assertThatThrownBy(() -> VM.withName("v".repeat(62))).isInstanceOf(InvalidTemplateException.class);
    }

    @ParameterizedTest
    @MethodSource("dev.agentvm.BadNames#all")
    @ValueSource(strings = {"1vm", "9"})
    void name_bad_isRefusedInBuildAndWith(String name) {
        VMTemplate.Builder builder = new VMTemplate.Builder().name(name);
        assertThatThrownBy(builder::build)
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessageStartingWith("name '")
                .hasMessageEndingWith("': must be a letter, then up to 60 characters of A-Z a-z 0-9 _ . -")
                .satisfies(e -> assertThat(((InvalidValueException) e).field()).contains("name"));
        assertThatThrownBy(() -> VM.withName(name)).isInstanceOf(InvalidTemplateException.class);
    }

    @Test
    void networkPolicy_otherThanDefaultInIsolation_isRefused() {
        assertThat(VM.withNetworkMode(NetworkMode.ISOLATED).networkMode()).isEqualTo(NetworkMode.ISOLATED);
        assertThatThrownBy(() -> VM.withNetworkMode(NetworkMode.ISOLATED).withNetworkPolicy(NetworkPolicy.none()))
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessageStartingWith("networkPolicy '")
                .hasMessageContaining("ISOLATED");
        assertThat(VM.withNetworkPolicy(NetworkPolicy.none()).networkPolicy()).isEqualTo(NetworkPolicy.none());
        assertThat(VM.withNetworkMode(NetworkMode.bridge("br0"))
                        .withNetworkPolicy(NetworkPolicy.none())
                        .networkMode())
                .isEqualTo(NetworkMode.bridge("br0"));
    }

    @Test
    void durations_atAndOutOfTheirBounds_areTakenAndRefused() {
        for (Duration good : new Duration[] {Duration.ofNanos(1), Duration.ofHours(1), Duration.ofDays(3650)}) {
            assertThat(VM.withTimeToLive(good).timeToLive()).contains(good);
            assertThat(VM.withIdleTimeout(good).idleTimeout()).contains(good);
        }
        for (Duration bad : new Duration[] {
            Duration.ZERO,
            Duration.ofNanos(-1),
            Duration.ofDays(3650).plusNanos(1),
            Duration.ofSeconds(Long.MAX_VALUE),
            Duration.ofSeconds(Long.MIN_VALUE)
        }) {
            assertThatThrownBy(() -> VM.withTimeToLive(bad))
                    .isInstanceOf(InvalidTemplateException.class)
                    .hasMessage("timeToLive '" + bad + "': must be more than zero and at most 3650 days");
            assertThatThrownBy(() -> VM.withIdleTimeout(bad))
                    .isInstanceOf(InvalidTemplateException.class)
                    .hasMessageStartingWith("idleTimeout '");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "9", "team", "example.org/team", "a_b-c.d"})
    void labels_goodKey_isKept(String key) {
        assertThat(new VMTemplate.Builder()
                        .name("vm")
                        .putLabel(key, "x")
                        .build()
                        .labels())
                .containsExactly(Map.entry(key, "x"));
    }

    @ParameterizedTest
    @MethodSource("dev.agentvm.BadNames#all")
    @ValueSource(strings = {"a/", "/a", "a-", "a."})
    void labels_badKey_isRefused(String key) {
        // A path is a good key: it becomes text of an XML attribute and nothing else.
        if (key.equals("vm/1") || key.equals("vm/../vm")) {
            return;
        }
        VMTemplate.Builder builder = new VMTemplate.Builder().name("vm").putLabel(key, "x");
        assertThatThrownBy(builder::build)
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessageStartingWith("labels '");
    }

    @Test
    void labels_lengthsAtAndOverTheirBounds_areTakenAndRefused() {
        assertThat(VM.withLabels(Map.of("k".repeat(63), "v".repeat(256))).labels())
                .hasSize(1);
        assertThatThrownBy(() -> VM.withLabels(Map.of("k".repeat(64), "v")))
                .isInstanceOf(InvalidTemplateException.class);
        assertThatThrownBy(() -> VM.withLabels(Map.of("k", "v".repeat(257))))
                .isInstanceOf(InvalidTemplateException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "<&>'\"]]>", "größer", "测试", "😀", "\u202e"})
    void labels_anyPrintableValue_isKept(String value) {
        assertThat(VM.withLabels(Map.of("k", value)).labels()).containsEntry("k", value);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\0", "a\nb", "\t", "\u001b", "\u007f", "\u0085", "\ud800", "\udc00x", "\ufffe", "\uffff"})
    void labels_valueThatXmlCannotCarry_isRefused(String value) {
        assertThatThrownBy(() -> VM.withLabels(Map.of("k", value)))
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessageStartingWith("labels 'k=");
    }

    @Test
    void labels_countAtAndOverItsBound_isTakenAndRefused() {
        Map<String, String> labels = new LinkedHashMap<>();
        IntStream.range(0, 64).forEach(i -> labels.put("k" + i, "v"));
        assertThat(VM.withLabels(labels).labels()).hasSize(64);
        labels.put("one-more", "v");
        assertThatThrownBy(() -> VM.withLabels(labels))
                .isInstanceOf(InvalidTemplateException.class)
                .hasMessage("labels '65': there may be at most 64");
    }

    @Test
    void labels_callersMapChanges_keepsItsOwnInOrder() {
        Map<String, String> labels = new LinkedHashMap<>();
        labels.put("z", "1");
        labels.put("a", "2");
        VMTemplate template = VM.withLabels(labels);
        labels.clear();
        assertThat(template.labels())
                .containsExactly(Map.entry("z", "1"), Map.entry("a", "2"))
                .isUnmodifiable();
    }

    @Test
    void toBuilder_unchanged_buildsAnEqualTemplate() {
        VMTemplate template = VM.withResources(Resources.light())
                .withTimeToLive(Duration.ofHours(1))
                .withLabels(Map.of("k", "v"));
        assertThat(template.toBuilder().build())
                .isEqualTo(template)
                .hasSameHashCodeAs(template)
                .isNotEqualTo(VM);
        assertThat(template.toBuilder().name("other").build()).isEqualTo(template.withName("other"));
    }

    @Test
    void builder_usedAgain_leavesTheFirstTemplateAsItWas() {
        VMTemplate.Builder builder = new VMTemplate.Builder().name("one").putLabel("k", "v");
        VMTemplate first = builder.build();
        VMTemplate second = builder.name("two").putLabel("l", "w").build();
        assertThat(first.name()).isEqualTo("one");
        assertThat(first.labels()).containsOnlyKeys("k");
        assertThat(second.labels()).containsOnlyKeys("k", "l");
    }

    @Test
    @SuppressWarnings("NullAway")
    void builder_null_failsAtOnceAndNamesTheField() {
        VMTemplate.Builder builder = new VMTemplate.Builder();
        assertThatThrownBy(() -> builder.name(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("name");
        assertThatThrownBy(() -> builder.networkPolicy(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("networkPolicy");
        assertThatThrownBy(() -> builder.putLabel("k", null))
                .isInstanceOf(NullPointerException.class)
                .hasMessageContaining("k");
    }
}
