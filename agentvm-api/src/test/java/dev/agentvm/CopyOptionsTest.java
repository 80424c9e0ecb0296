package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CopyOptionsTest {
    @Test
    void standard_bounds_areThere() {
        CopyOptions options = CopyOptions.standard();
        assertThat(options.maxBytes()).isEqualTo(10L * 1024 * 1024 * 1024);
        assertThat(options.maxEntries()).isEqualTo(1_000_000);
        assertThat(options.timeout()).isEqualTo(Duration.ofHours(1));
        assertThat(options.outsideLinks()).isFalse();
        assertThat(options.listener()).isEmpty();
        assertThat(options.withMaxBytes(0).withMaxEntries(0).toBuilder().build().maxBytes())
                .isZero();
    }

    @Test
    void build_badBounds_nameTheirField() {
        assertThatThrownBy(() -> CopyOptions.standard().withMaxBytes(-1)).hasMessageStartingWith("maxBytes '-1'");
        assertThatThrownBy(() -> CopyOptions.standard().withMaxEntries(-1)).hasMessageStartingWith("maxEntries '-1'");
        assertThatThrownBy(() -> CopyOptions.standard().withTimeout(Duration.ZERO))
                .hasMessageStartingWith("timeout 'PT0S'");
    }

    @Test
    void report_list_isCopied() {
        List<String> names = new ArrayList<>(List.of("a"));
        CopyReport report = new CopyReport(1, 2, names);
        names.clear();
        assertThat(report.leftOut()).containsExactly("a");
    }

    @Test
    void guestFile_values_areChecked() {
        assertThat(file().path("/a/b").build().name()).isEqualTo("b");
        assertThat(file().path("/").build().name()).isEmpty();
        assertThat(file().build().isFile()).isTrue();
        assertThat(file().build().isDirectory()).isFalse();
        assertThatThrownBy(() -> file().permissions("644").build()).hasMessageContaining("four octal digits");
        assertThatThrownBy(() -> file().size(-1).build()).hasMessageContaining("size '-1'");
    }

    private static GuestFile.Builder file() {
        return new GuestFile.Builder()
                .path("/f")
                .kind(GuestFile.Kind.FILE)
                .size(1)
                .permissions("0644")
                .uid(0)
                .gid(0)
                .modified(Instant.EPOCH);
    }
}
