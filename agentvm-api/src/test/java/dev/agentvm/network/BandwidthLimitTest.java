package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BandwidthLimitTest {
    @Test
    void standard_asDocumented() {
        BandwidthLimit limit = BandwidthLimit.standard();
        assertThat(limit.down()).contains(DataRate.megabitsPerSecond(100));
        assertThat(limit.up()).contains(DataRate.megabitsPerSecond(50));
        assertThat(limit.isRequired()).isFalse();
        assertThat(limit.isUnlimited()).isFalse();
    }

    @Test
    void unlimited_hasNoRates() {
        BandwidthLimit limit = BandwidthLimit.unlimited();
        assertThat(limit.down()).isEmpty();
        assertThat(limit.up()).isEmpty();
        assertThat(limit.isRequired()).isFalse();
        assertThat(limit.isUnlimited()).isTrue();
        assertThat(limit).isEqualTo(new BandwidthLimit.Builder().build());
    }

    @Test
    void isUnlimited_oneDirectionLimited_isFalse() {
        DataRate rate = DataRate.megabitsPerSecond(1);
        assertThat(BandwidthLimit.unlimited().withUp(rate).isUnlimited()).isFalse();
        assertThat(BandwidthLimit.unlimited().withDown(rate).isUnlimited()).isFalse();
    }

    @Test
    void required_keepsTheRates() {
        BandwidthLimit limit = BandwidthLimit.of(DataRate.bytesPerSecond(1000), DataRate.bytesPerSecond(2000));
        BandwidthLimit required = limit.required();
        assertThat(required.isRequired()).isTrue();
        assertThat(required.down()).contains(DataRate.bytesPerSecond(1000));
        assertThat(required.up()).contains(DataRate.bytesPerSecond(2000));
        assertThat(required).isNotEqualTo(limit);
        assertThat(required.toBuilder().build()).isEqualTo(required);
    }
}
