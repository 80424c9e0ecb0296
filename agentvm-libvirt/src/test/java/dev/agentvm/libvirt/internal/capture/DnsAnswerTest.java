package dev.agentvm.libvirt.internal.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.event.NameResolved;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.IPv4Address;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class DnsAnswerTest {
    private static final int RESPONSE = 0x8180;
    private static final int A = 1;
    private static final int CNAME = 5;

    private static byte[] message(int flags, int questions, int answers, byte[]... parts) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeShort(77);
            out.writeShort(flags);
            out.writeShort(questions);
            out.writeShort(answers);
            out.writeInt(0);
            for (byte[] part : parts) {
                out.write(part);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static byte[] name(String... labels) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (String label : labels) {
            byte[] octets = label.getBytes(StandardCharsets.ISO_8859_1);
            bytes.write(octets.length);
            bytes.writeBytes(octets);
        }
        bytes.write(0);
        return bytes.toByteArray();
    }

    private static byte[] question(byte[] name, int type) {
        return ByteBuffer.allocate(name.length + 4)
                .put(name)
                .putShort((short) type)
                .putShort((short) 1)
                .array();
    }

    /** A record of the name that was asked for. */
    private static byte[] record(int type, int ttl, byte[] data) {
        return ByteBuffer.allocate(12 + data.length)
                .putShort((short) 0xc00c)
                .putShort((short) type)
                .putShort((short) 1)
                .putInt(ttl)
                .putShort((short) data.length)
                .put(data)
                .array();
    }

    private static byte[] address(String text) {
        return ByteBuffer.allocate(4).putInt(IPv4Address.of(text).bits()).array();
    }

    private static DnsAnswer read(byte[] message) {
        return DnsAnswer.of(ByteBuffer.wrap(message)).orElseThrow();
    }

    @Test
    void of_answerWithAnAlias_hasTheNameThatWasAskedForAndTheAddresses() {
        DnsAnswer answer = read(message(
                RESPONSE,
                1,
                3,
                question(name("WWW", "Example", "com"), A),
                record(CNAME, 300, name("edge", "example", "net")),
                record(A, 60, address("93.184.216.34")),
                record(A, 120, address("93.184.216.35"))));

        assertThat(answer.query()).isEqualTo("www.example.com");
        assertThat(answer.type()).isEqualTo(A);
        assertThat(answer.responseCode()).isZero();
        assertThat(answer.addresses())
                .containsExactly(IPv4Address.of("93.184.216.34"), IPv4Address.of("93.184.216.35"));
        assertThat(answer.ttl()).contains(Duration.ofSeconds(60));
    }

    @Test
    void of_noSuchName_saysSo() {
        DnsAnswer answer = read(message(RESPONSE | 3, 1, 0, question(name("nowhere"), A)));

        assertThat(answer.responseCode()).isEqualTo(NameResolved.NX_DOMAIN);
        assertThat(answer.addresses()).isEmpty();
        assertThat(answer.ttl()).isEmpty();
    }

    @Test
    void of_oddBytesInAName_areEscaped() {
        DnsAnswer answer = read(message(RESPONSE, 1, 0, question(name("a.b", "c\\d", "<\u0007 \u00ff"), 16)));

        assertThat(answer.query()).isEqualTo("a\\046b.c\\092d.<\\007\\032\\255");
    }

    @Test
    void of_root_isTheEmptyName() {
        assertThat(read(message(RESPONSE, 1, 0, question(name(), 2))).query()).isEmpty();
    }

    @Test
    void of_whatIsNoAnswerToOneQuestion_isNothing() {
        byte[] question = question(name("a"), A);

        assertThat(DnsAnswer.of(ByteBuffer.wrap(message(0x0100, 1, 0, question))))
                .isEmpty();
        assertThat(DnsAnswer.of(ByteBuffer.wrap(message(RESPONSE, 0, 0)))).isEmpty();
        assertThat(DnsAnswer.of(ByteBuffer.wrap(message(RESPONSE, 2, 0, question, question))))
                .isEmpty();
        assertThat(DnsAnswer.of(ByteBuffer.wrap(message(RESPONSE | 0x0800, 1, 0, question))))
                .as("another operation")
                .isEmpty();
        assertThat(DnsAnswer.of(ByteBuffer.wrap(message(RESPONSE, 1, 0, new byte[] {(byte) 0xc0, 12, 0, 1, 0, 1}))))
                .as("a question that points at itself")
                .isEmpty();
    }

    @Test
    void of_cutOffOrMalformedRecords_countUpToThere() {
        byte[] whole = message(
                RESPONSE,
                1,
                0xffff,
                question(name("a"), A),
                record(A, -1, address("93.184.216.34")),
                record(A, 5, address("93.184.216.35")));

        DnsAnswer answer = DnsAnswer.of(
                        ByteBuffer.wrap(whole, 0, whole.length - 1).slice())
                .orElseThrow();

        assertThat(answer.addresses()).containsExactly(IPv4Address.of("93.184.216.34"));
        assertThat(answer.ttl()).contains(Duration.ZERO);
    }

    @Test
    void of_moreAddressesThanAnybodyNeeds_areCut() {
        byte[][] parts = new byte[101][];
        parts[0] = question(name("a"), A);
        for (int i = 1; i <= 100; i++) {
            parts[i] = record(A, 5, address("93.184.216." + i));
        }

        assertThat(read(message(RESPONSE, 1, 100, parts)).addresses()).hasSize(64);
    }

    @Property(tries = 100_000)
    void of_anyBytes_areReadOrRefused(@ForAll @Size(max = 200) byte[] bytes, @ForAll boolean asAnswer) {
        byte[] message = bytes.clone();
        if (asAnswer && message.length > 12) {
            System.arraycopy(message(RESPONSE, 1, 3), 0, message, 0, 12);
        }
        isSound(message);
    }

    @Property(tries = 50_000)
    void of_answersWithDamage_areReadOrRefused(@ForAll("damaged") byte[] message) {
        isSound(message);
    }

    /** What is made of it can be told. */
    private static void isSound(byte[] message) {
        DnsAnswer.of(ByteBuffer.wrap(message)).ifPresent(answer -> {
            NameResolved event = new NameResolved.Builder()
                    .time(Instant.EPOCH)
                    .vm(VMIdentity.of(new UUID(0, 1), "vm"))
                    .query(answer.query())
                    .type(answer.type())
                    .responseCode(answer.responseCode())
                    .addresses(answer.addresses())
                    .ttl(answer.ttl())
                    .build();
            assertThat(event.addresses().size()).isLessThanOrEqualTo(64);
        });
    }

    @Provide
    Arbitrary<byte[]> damaged() {
        byte[] right = message(
                RESPONSE,
                1,
                2,
                question(name("www", "example", "com"), A),
                record(CNAME, 300, name("edge", "example", "net")),
                record(A, 60, address("93.184.216.34")));
        return Combinators.combine(
                        Arbitraries.integers().between(0, right.length - 1),
                        Arbitraries.bytes(),
                        Arbitraries.integers().between(0, right.length - 1),
                        Arbitraries.bytes(),
                        Arbitraries.integers().between(0, right.length))
                .as((at, value, atAlso, other, length) -> {
                    byte[] bytes = right.clone();
                    bytes[at] = value;
                    bytes[atAlso] = other;
                    return java.util.Arrays.copyOf(bytes, length);
                });
    }
}
