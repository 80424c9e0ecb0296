package dev.agentvm.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GuestPathsTest {
    @ParameterizedTest
    @CsvSource({"/,/", "//,/", "/a,/a", "/a/,/a", "//a///b//,/a/b", "/a..b/.c,/a..b/.c", "/a b\tc,/a b\tc"})
    void check_absolute_isTidied(String path, String tidy) {
        assertThat(GuestPaths.check("path", path)).isEqualTo(tidy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "./a", "/a/../b", "/..", "/.", "/a/.", "/a\0b", "/\ud800"})
    void check_other_isRefusedWithItsField(String path) {
        assertThatThrownBy(() -> GuestPaths.check("source", path))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("source '");
    }

    @Test
    void check_length_endsWhereLinuxsDoes() {
        assertThat(GuestPaths.check("path", "/" + "a".repeat(4094))).hasSize(4095);
        assertThatThrownBy(() -> GuestPaths.check("path", "/" + "a".repeat(4095)))
                .hasMessageContaining("at most 4095 bytes");
        assertThatThrownBy(() -> GuestPaths.check("path", "/" + "ä".repeat(2048)))
                .hasMessageContaining("at most 4095 bytes");
    }

    @Test
    void checkNotRoot_root_isRefused() {
        assertThat(GuestPaths.checkNotRoot("path", "/a")).isEqualTo("/a");
        assertThatThrownBy(() -> GuestPaths.checkNotRoot("path", "//")).hasMessageContaining("root directory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "644", "00644", "0648", "rw-r--r--", "0644\n"})
    void checkPermissions_other_areRefused(String permissions) {
        assertThatThrownBy(() -> GuestPaths.checkPermissions(permissions)).hasMessageContaining("four octal digits");
    }

    @Test
    void checkMaxBytes_range_isThatOfArrays() {
        assertThat(GuestPaths.checkMaxBytes(0)).isZero();
        assertThat(GuestPaths.checkMaxBytes(Integer.MAX_VALUE - 8)).isEqualTo(Integer.MAX_VALUE - 8);
        assertThatThrownBy(() -> GuestPaths.checkMaxBytes(-1)).isInstanceOf(InvalidValueException.class);
        assertThatThrownBy(() -> GuestPaths.checkMaxBytes(Integer.MAX_VALUE - 7))
                .isInstanceOf(InvalidValueException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "0,a",
        "0,a/b",
        "0,./a",
        "0,.",
        "1,../a",
        "1,..",
        "2,../../a",
        "2,.././../a//b",
        "0,..a",
        "0,a..",
        "3,../x"
    })
    void staysInside_downOrUpNoFurtherThanTheTree_does(int depth, String target) {
        assertThat(GuestPaths.staysInside(depth, target)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"0,/", "5,/etc/passwd", "0,..", "0,../a", "1,../../a", "1,.././../a", "0,''", "9,//a"})
    void staysInside_absoluteOrFurther_doesNot(int depth, String target) {
        assertThat(GuestPaths.staysInside(depth, target)).isFalse();
    }

    /** With d → ., d/d/d/../../.. is three levels above the tree. */
    @ParameterizedTest
    @CsvSource({"0,a/..", "0,d/d/d/../../..", "3,../a/..", "0,a/./.."})
    void staysInside_upBehindAName_doesNot(int depth, String target) {
        assertThat(GuestPaths.staysInside(depth, target)).isFalse();
    }
}
