package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NetworkPolicyTest {
    private static final FilterRule DATABASE =
            FilterRule.allow().tcp(5432).to("10.20.0.7").because("the test database");

    @Test
    void agentDefault_hasTheFewPortsThatAgentsNeed() {
        NetworkPolicy policy = NetworkPolicy.agentDefault();
        assertThat(policy.nameResolution()).isTrue();
        assertThat(policy.denied()).isEqualTo(DenyAction.REJECT);
        assertThat(policy.connectionLimit()).isEmpty();
        assertThat(policy.rules()).isUnmodifiable().noneMatch(FilterRule::opensFloor);
        assertThat(policy.rules().stream()
                        .filter(rule -> rule.protocol() == Protocol.TCP)
                        .flatMap(rule -> rule.ports().stream())
                        .map(PortRange::toString))
                .containsExactly("22", "80", "443", "9418");
        assertThat(policy.rules())
                .filteredOn(rule -> rule.protocol() != Protocol.TCP)
                .singleElement()
                .matches(rule -> rule.protocol() == Protocol.ICMP_ECHO);
    }

    @Test
    void none_hasNothing() {
        assertThat(NetworkPolicy.none().rules()).isEmpty();
        assertThat(NetworkPolicy.none().nameResolution()).isFalse();
        assertThat(NetworkPolicy.none().denied()).isEqualTo(DenyAction.REJECT);
        assertThat(NetworkPolicy.none())
                .isEqualTo(new NetworkPolicy.Builder().nameResolution(false).build());
    }

    @Test
    void builder_fresh_resolvesNamesAlone() {
        NetworkPolicy policy = new NetworkPolicy.Builder().build();
        assertThat(policy.rules()).isEmpty();
        assertThat(policy.nameResolution()).isTrue();
        assertThat(policy.denied()).isEqualTo(DenyAction.REJECT);
        assertThat(policy.connectionLimit()).isEmpty();
    }

    @Test
    void addRule_twice_isThereOnce() {
        assertThat(new NetworkPolicy.Builder()
                        .addRule(DATABASE)
                        .addRules(List.of(DATABASE))
                        .build()
                        .rules())
                .containsExactly(DATABASE);
    }

    @Test
    void removeRule_present_isGone() {
        NetworkPolicy with =
                NetworkPolicy.agentDefault().toBuilder().addRule(DATABASE).build();
        assertThat(with.toBuilder().removeRule(DATABASE).build()).isEqualTo(NetworkPolicy.agentDefault());
        assertThat(with.rules()).contains(DATABASE);
    }

    @Test
    void removeRule_absent_isRefused() {
        NetworkPolicy.Builder builder = NetworkPolicy.agentDefault().toBuilder();
        assertThatThrownBy(() -> builder.removeRule(DATABASE))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("the test database")
                .hasMessageContaining("is not in the policy");
    }

    @Test
    void removeRules_predicate_takesAwayWhatMatches() {
        assertThat(NetworkPolicy.agentDefault().toBuilder()
                        .removeRules(rule -> rule.protocol() == Protocol.TCP)
                        .build()
                        .rules())
                .singleElement()
                .matches(rule -> rule.protocol() == Protocol.ICMP_ECHO);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 65535})
    void connectionLimit_withinBounds_isKept(int limit) {
        NetworkPolicy policy =
                new NetworkPolicy.Builder().connectionLimit(limit).build();
        assertThat(policy.connectionLimit()).hasValue(limit);
        assertThat(policy.toBuilder().build()).isEqualTo(policy).hasSameHashCodeAs(policy);
        assertThat(policy).asString().contains("at most " + limit + " connections");
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 65536})
    void connectionLimit_outOfBounds_isRefused(int limit) {
        NetworkPolicy.Builder builder = new NetworkPolicy.Builder();
        assertThatThrownBy(() -> builder.connectionLimit(limit))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("connectionLimit '" + limit + "': must be from 1 to 65535");
    }

    @Test
    void connectionLimit_withDrop_isRefusedUntilItIsTakenAway() {
        NetworkPolicy.Builder builder =
                new NetworkPolicy.Builder().connectionLimit(10).denied(DenyAction.DROP);
        assertThatThrownBy(builder::build)
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("needs DenyAction.REJECT");
        assertThat(builder.noConnectionLimit().build().connectionLimit()).isEmpty();
    }

    @Test
    void build_openingsAtAndOverTheLimit_isTakenAndRefused() {
        int[] apart = IntStream.rangeClosed(1, 100).map(i -> 2 * i).toArray();
        String[] two = {"9.9.9.9", "1.1.1.1"};
        FilterRule full = FilterRule.allow().tcp(apart).to(two).because("x");
        assertThat(new NetworkPolicy.Builder().addRule(full).build().rules()).hasSize(1);

        NetworkPolicy.Builder over = new NetworkPolicy.Builder()
                .addRule(full)
                .addRule(FilterRule.allow().ping().because("x"));
        assertThatThrownBy(over::build)
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("201 openings")
                .hasMessageContaining("at most 200");

        NetworkPolicy.Builder portsWithoutDestinations = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow()
                        .tcp(IntStream.rangeClosed(1, 201).map(i -> 2 * i).toArray())
                        .because("x"));
        assertThatThrownBy(portsWithoutDestinations::build).hasMessageContaining("201 openings");

        NetworkPolicy.Builder manyPings = new NetworkPolicy.Builder()
                .addRule(FilterRule.allow().ping().to(publicAddresses(201)).because("x"));
        assertThatThrownBy(manyPings::build).hasMessageContaining("201 openings");
    }

    @Test
    void build_tenThousandRules_isRefusedQuicklyWithTheLimitNamed() {
        NetworkPolicy.Builder builder = new NetworkPolicy.Builder();
        Assertions.assertTimeout(Duration.ofSeconds(10), () -> {
            for (String address : publicAddresses(10_000)) {
                builder.addRule(FilterRule.allow().tcp(80).to(address).because("x"));
            }
            assertThatThrownBy(builder::build)
                    .isInstanceOf(InvalidValueException.class)
                    .hasMessageContaining("10000 openings")
                    .hasMessageContaining(Integer.toString(NetworkPolicy.MAX_OPENINGS));
        });
    }

    private static String[] publicAddresses(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> IPv4Address.ofBits((9 << 24) + i).toString())
                .toArray(String[]::new);
    }

    @Test
    void builder_usedAgain_leavesTheFirstPolicyAsItWas() {
        NetworkPolicy.Builder builder = new NetworkPolicy.Builder().addRule(DATABASE);
        NetworkPolicy first = builder.build();
        builder.removeRules(rule -> true).denied(DenyAction.DROP);
        assertThat(first.rules()).containsExactly(DATABASE);
        assertThat(first.denied()).isEqualTo(DenyAction.REJECT);
    }

    @Test
    void equals_eachPartDiffering_isFalse() {
        NetworkPolicy policy = NetworkPolicy.agentDefault();
        NetworkPolicy[] others = {
            policy.toBuilder().addRule(DATABASE).build(),
            policy.toBuilder().nameResolution(false).build(),
            policy.toBuilder().denied(DenyAction.DROP).build(),
            policy.toBuilder().connectionLimit(7).build()
        };
        assertThat(others).doesNotContain(policy).doesNotHaveDuplicates();
        assertThat(Arrays.stream(others).map(NetworkPolicy::hashCode)).doesNotContain(policy.hashCode());
        assertThat(policy).isNotEqualTo(policy.toString()).isNotEqualTo(null);
        assertThat(policy.toBuilder().build()).isEqualTo(policy).hasSameHashCodeAs(policy);
    }

    @Test
    void toString_saysAllOnOneLine() {
        assertThat(new NetworkPolicy.Builder()
                        .addRule(DATABASE)
                        .denied(DenyAction.DROP)
                        .build())
                .hasToString("NetworkPolicy{DROP, dns, [tcp 5432 to 10.20.0.7/32 because the test database]}");
        assertThat(NetworkPolicy.none()).hasToString("NetworkPolicy{REJECT, []}");
    }

    @Test
    @SuppressWarnings("NullAway")
    void builder_null_failsAtOnce() {
        NetworkPolicy.Builder builder = new NetworkPolicy.Builder();
        assertThatThrownBy(() -> builder.addRule(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("rule");
        assertThatThrownBy(() -> builder.addRules(Arrays.asList(DATABASE, null)))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("rule");
        assertThatThrownBy(() -> builder.denied(null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("action");
    }
}
