package dev.agentvm.cloudinit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.VMTemplate;
import java.nio.charset.StandardCharsets;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CloudInitTest {
    private static final String KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZ5u3cZ agent@host";
    private static final String HASH = "$6$c0ffee$hY2m1nJbQvxe3nZk9V1pX0";

    private static CloudInitUser user(String name) {
        return new CloudInitUser.Builder().name(name).build();
    }

    private static CloudInitFile.Builder file(String path) {
        return new CloudInitFile.Builder().path(path).text("TOKEN=hush-hush");
    }

    private static void refused(String field, ThrowingCallable building) {
        assertThatThrownBy(building)
                .isInstanceOfSatisfying(
                        InvalidValueException.class, e -> assertThat(e.field()).contains(field));
    }

    @Test
    void build_nothingSaid_doesNothing() {
        CloudInit nothing = new CloudInit.Builder().build();

        assertThat(nothing.hostName()).isEmpty();
        assertThat(nothing.users()).isEmpty();
        assertThat(nothing.packages()).isEmpty();
        assertThat(nothing.files()).isEmpty();
        assertThat(nothing.commands()).isEmpty();
        assertThat(nothing.toBuilder().build()).isEqualTo(nothing);
    }

    @Test
    void template_nothingSaid_hasNone() {
        assertThat(new VMTemplate.Builder().name("vm").build().cloudInit()).isEmpty();
    }

    @Test
    void toString_secrets_areLeftOut() {
        VMTemplate template = new VMTemplate.Builder()
                .name("vm")
                .cloudInit(new CloudInit.Builder()
                        .hostName("builder")
                        .addUser(new CloudInitUser.Builder()
                                .name("agent")
                                .addSshKey(KEY)
                                .passwordHash(HASH)
                                .sudo(true)
                                .build())
                        .addFile(file("/etc/token").permissions("0600").build())
                        .addCommand("curl -H 'Authorization: hush-hush' https://example.com")
                        .build())
                .build();

        assertThat(template.toString())
                .contains("builder", "agent", KEY, "/etc/token", "0600")
                .doesNotContain("hush-hush", HASH, "104, 117, 115, 104");
    }

    @Test
    void file_contentChangedAfterwards_staysAsItWas() {
        byte[] content = "before".getBytes(StandardCharsets.UTF_8);
        CloudInitFile file =
                new CloudInitFile.Builder().path("/a").content(content).build();
        content[0] = 'X';
        file.content()[1] = 'X';

        assertThat(file.content()).asString(StandardCharsets.UTF_8).isEqualTo("before");
        assertThat(file)
                .isEqualTo(new CloudInitFile.Builder().path("/a").text("before").build());
        assertThat(file.permissions()).isEqualTo("0644");
        assertThat(file.owner()).isEqualTo("root:root");
    }

    @ParameterizedTest
    @ValueSource(strings = {"builder", "Builder-1.example.com", "1", "a.b.c"})
    void hostName_good_isTaken(String name) {
        assertThat(new CloudInit.Builder().hostName(name).build().hostName()).contains(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-a", "a-", "a..b", "a_b", "a b", ".a", "a.", "ä", "a\nb", "${x}", "a: b"})
    void hostName_bad_isRefused(String name) {
        refused("hostName", () -> new CloudInit.Builder().hostName(name).build());
    }

    @Test
    void hostName_lengthAtAndOverItsBounds_isTakenAndRefused() {
        String label = "l".repeat(63);
        String longest = label + "." + label + "." + label + "." + "l".repeat(61);
        assertThat(new CloudInit.Builder().hostName(longest).build().hostName()).contains(longest);
        refused(
                "hostName",
                () -> new CloudInit.Builder().hostName(longest + "l").build());
        refused(
                "hostName",
                () -> new CloudInit.Builder().hostName("l".repeat(64)).build());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "root", "Agent", "1st", "a b", "a:b", "-a", "a\nsudo", "abcdefghijklmnopqrstuvwxyz0123456"})
    void userName_bad_isRefused(String name) {
        refused("name", () -> user(name));
    }

    @Test
    void user_nothingSaid_mayNotLogInNorSudo() {
        CloudInitUser user = user("agent");
        assertThat(user.sshKeys()).isEmpty();
        assertThat(user.passwordHash()).isEmpty();
        assertThat(user.sudo()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                KEY,
                "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7==",
                "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= me",
                "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t key on a token",
                KEY + " Zoë 😀"
            })
    void sshKey_good_isTaken(String key) {
        assertThat(new CloudInitUser.Builder().name("a").addSshKey(key).build().sshKeys())
                .containsExactly(key);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "ssh-ed25519",
                "AAAAC3NzaC1lZDI1NTE5AAAAIHZ5u3cZ",
                "command=\"sh\" " + KEY,
                KEY + "\n" + KEY,
                KEY + "\t",
                KEY + "\u0080",
                KEY + "\u2028",
                KEY + "\ud800",
                KEY + "\ufffe",
                KEY + "\uffff",
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"
            })
    void sshKey_bad_isRefusedAndAPrivateOneNotShown(String key) {
        assertThatThrownBy(() ->
                        new CloudInitUser.Builder().name("a").addSshKey(key).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("sshKeys")
                .hasMessageNotContaining("b3BlbnNzaC1rZXktdjEAAAAA");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "correct horse", "$6$", "$6$salt$short", "$6$salt$hash:with:colons"})
    void passwordHash_bad_isRefusedAndNotShown(String hash) {
        assertThatThrownBy(() ->
                        new CloudInitUser.Builder().name("a").passwordHash(hash).build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("passwordHash 'not shown'")
                .hasMessageContaining("openssl passwd -6");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "etc/a", "/", "/etc/", "/etc//a", "/etc/../a", "/./a", "/a\nb", "/a\u0000", "/\u2028"})
    void filePath_bad_isRefused(String path) {
        refused("path", () -> file(path).build());
    }

    @Test
    void filePermissionsAndOwner_bad_areRefused() {
        for (String bad : new String[] {"", "644", "0888", "00644", "u+rw"}) {
            refused("permissions", () -> file("/a").permissions(bad).build());
        }
        for (String bad : new String[] {"", ":", "root:", ":root", "a b", "a:b:c", "0\n"}) {
            refused("owner", () -> file("/a").owner(bad).build());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-o", "a b", "a;b", "a\nb", "$(a)"})
    void package_bad_isRefused(String name) {
        refused("packages", () -> new CloudInit.Builder().addPackage(name).build());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " \n",
                "secret\u0000",
                "secret\u0007",
                "secret\r\n",
                "secret\u2028",
                "secret\ud800",
                "secret\uffff"
            })
    void command_bad_isRefusedAndNotShown(String command) {
        assertThatThrownBy(() -> new CloudInit.Builder()
                        .addCommand("true")
                        .addCommand(command)
                        .build())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageStartingWith("commands '[1], not shown'")
                .hasMessageNotContaining("secret");
    }

    @Test
    void command_scriptOfManyLines_isTaken() {
        String script = "set -e\n\techo 'ä 😀' >/tmp/a\n";
        assertThat(new CloudInit.Builder().addCommand(script).build().commands())
                .containsExactly(script);
    }

    @Test
    void usersAndFiles_twice_areRefused() {
        refused(
                "users",
                () -> new CloudInit.Builder()
                        .addUser(user("a"))
                        .addUser(user("a").withSudo(true))
                        .build());
        refused(
                "files",
                () -> new CloudInit.Builder()
                        .addFile(file("/a").build())
                        .addFile(file("/a").permissions("0600").build())
                        .build());
    }

    @Test
    void files_atAndOverTheBoundTogether_areTakenAndRefused() {
        CloudInitFile half = new CloudInitFile.Builder()
                .path("/a")
                .content(new byte[CloudInit.MAX_BYTES / 2])
                .build();
        CloudInit full = new CloudInit.Builder()
                .addFile(half)
                .addFile(half.withPath("/b"))
                .build();
        refused(
                "files",
                () -> full.toBuilder()
                        .addFile(file("/c").content((byte) 0).build())
                        .build());
    }
}
