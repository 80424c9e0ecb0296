package dev.agentvm.libvirt.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.GuestFile;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ListingTest {
    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void list_namesOfAllKinds_areReadAsTheyAre() throws Exception {
        List<GuestFile> files = Listing.list(
                "/d",
                utf8("81a4 5 10 0 0 ./b//\n41ed 4096 -1 1 2 ./a .ü\n81a4 5 10 0 0 //\na1ff 3 10 0 0 ./l//\n"
                        + "/\n./l//../x//y\nz\n\0"));

        assertThat(files).extracting(GuestFile::path).containsExactly("/d/a .ü\n81a4 5 10 0 0 ", "/d/b", "/d/l");
        assertThat(files)
                .extracting(GuestFile::kind)
                .containsExactly(GuestFile.Kind.DIRECTORY, GuestFile.Kind.FILE, GuestFile.Kind.LINK);
        assertThat(files.get(0).modified()).isEqualTo(Instant.ofEpochSecond(-1));
        assertThat(files.get(0).uid()).isEqualTo(1);
        assertThat(files.get(0).gid()).isEqualTo(2);
        assertThat(files.get(0).permissions()).isEqualTo("0755");
        assertThat(files.get(2).linkTarget()).contains("../x//y\nz");
    }

    @Test
    void list_nothing_isEmpty() throws Exception {
        assertThat(Listing.list("/", utf8("/\n"))).isEmpty();
        assertThat(Listing.list("/", utf8("81a4 5 10 0 0 ./b//\n/\n")).get(0).path())
                .isEqualTo("/b");
    }

    @Test
    void list_bytesThatAreNoUtf8_areReplaced() throws Exception {
        byte[] output = "81a4 5 10 0 0 ./\u00ff//\n/\n".getBytes(StandardCharsets.ISO_8859_1);
        assertThat(Listing.list("/d", output).get(0).path()).isEqualTo("/d/\ufffd");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "/",
                "81a4 5 10 0 0 ./b",
                "81a4 5 10 0 0 ./b//\n",
                "81a4 5 10 0 ./b//\n/\n",
                "81a4 -5 10 0 0 ./b//\n/\n",
                "zzzz 5 10 0 0 ./b//\n/\n",
                "81a4 99999999999999999999 10 0 0 ./b//\n/\n",
                "81a4 5 10 0 0 ./..//\n/\n",
                "81a4 5 10 0 0 .///\n/\n",
                "81a4 5 10 0 0 ./a/b//\n/\n",
                "81a4 5 10 0 0 ./a\0b//\n/\n",
                "/\nx",
                "/\n./l//x",
                "/\nl//x\0"
            })
    void list_otherOutput_isRefused(String output) {
        assertThatThrownBy(() -> Listing.list("/d", utf8(output)))
                .isInstanceOf(Listing.MalformedListingException.class)
                .hasMessageStartingWith("what the guest says of its files cannot be understood");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "81a4 5 10 0 0", "81a4 5 10 0 0 x\n", "\n"})
    void stat_otherOutput_isRefused(String output) {
        assertThatThrownBy(() -> Listing.stat("/d", utf8(output)))
                .isInstanceOf(Listing.MalformedListingException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1180", "21b6", "c1ff", "61b0", "0"})
    void stat_kindsThatAreNoFiles_areOther(String mode) throws Exception {
        assertThat(Listing.stat("/d", utf8(mode + " 0 0 0 0\n")).kind()).isEqualTo(GuestFile.Kind.OTHER);
    }
}
