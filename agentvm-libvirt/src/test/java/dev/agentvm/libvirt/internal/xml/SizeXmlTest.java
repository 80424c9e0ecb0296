package dev.agentvm.libvirt.internal.xml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SizeXmlTest {
    @ParameterizedTest
    @CsvSource({
        "b, 3",
        "byte, 3",
        "bytes, 3",
        "k, 3072",
        "KiB, 3072",
        "KB, 3000",
        "M, 3145728",
        "MiB, 3145728",
        "MB, 3000000",
        "GiB, 3221225472",
        "g, 3221225472",
        "TiB, 3298534883328",
        "EB, 3000000000000000000"
    })
    void toBytes_unitOfLibvirt_isScaledAsLibvirtDoes(String unit, long bytes) {
        SizeXml size = SizeXml.bytes(3);
        size.unit = unit;

        assertThat(size.toBytes("KiB")).isEqualTo(bytes);
    }

    @Test
    void toBytes_noUnit_takesTheOneThatIsMeant() {
        SizeXml size = SizeXml.bytes(2);
        size.unit = null;

        assertThat(size.toBytes("KiB")).isEqualTo(2048);
        assertThat(size.toBytes("bytes")).isEqualTo(2);
    }

    @Test
    void toBytes_whatIsNoSize_isRefused() {
        SizeXml unknown = SizeXml.bytes(1);
        unknown.unit = "furlong";
        assertThatThrownBy(() -> unknown.toBytes("KiB")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SizeXml().toBytes("KiB")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> SizeXml.gib(Long.MAX_VALUE).toBytes("KiB")).isInstanceOf(ArithmeticException.class);
    }
}
