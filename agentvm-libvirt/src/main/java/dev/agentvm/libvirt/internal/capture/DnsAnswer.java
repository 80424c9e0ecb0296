package dev.agentvm.libvirt.internal.capture;

import dev.agentvm.network.IPv4Address;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * An answer of a name server (RFC 1035, section 4), as far as it can be read. Whoever runs a name server writes such
 * answers as he likes: each byte is read once, and nothing is followed.
 *
 * @param query the name that was asked for, in lower case, written as RFC 1035 says in section 5.1
 * @param type the type of the question
 * @param responseCode whether there is such a name
 * @param addresses the IPv4 addresses that it gives
 * @param ttl the shortest time of the records that were read
 */
record DnsAnswer(String query, int type, int responseCode, List<IPv4Address> addresses, Optional<Duration> ttl) {
    private static final int ETHERNET_HEADER = 14;
    private static final int UDP_HEADER = 8;
    private static final int RESPONSE = 0x8000;
    private static final int OPERATION = 0x7800;
    private static final int RESPONSE_CODE = 0x000f;
    private static final int LONGEST_NAME = 255;
    private static final int POINTER = 0xc0;
    private static final int A = 1;
    private static final int OPT = 41;
    private static final int IN = 1;
    private static final int MAX_ADDRESSES = 64;

    /** The answer in a frame that is known to hold UDP over IPv4, if it is one to a single question. */
    static Optional<DnsAnswer> ofFrame(ByteBuffer frame) {
        int ipHeader = 4 * (frame.get(ETHERNET_HEADER) & 0xf);
        int payload = ETHERNET_HEADER + ipHeader + UDP_HEADER;
        return payload > frame.limit()
                ? Optional.empty()
                : of(frame.duplicate().position(payload).slice());
    }

    /** The answer that a message holds, if it is one to a single question. */
    static Optional<DnsAnswer> of(ByteBuffer message) {
        try {
            message.getShort();
            int flags = u16(message);
            int questions = u16(message);
            int answers = u16(message);
            message.getInt();
            if ((flags & RESPONSE) == 0 || (flags & OPERATION) != 0 || questions != 1) {
                return Optional.empty();
            }
            String query = name(message);
            int type = u16(message);
            if (u16(message) != IN) {
                return Optional.empty();
            }
            Records records = new Records();
            records.read(message, answers);
            return Optional.of(
                    new DnsAnswer(query, type, flags & RESPONSE_CODE, List.copyOf(records.addresses), records.ttl));
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** The name of the first question, which has nothing before it to point at. */
    private static String name(ByteBuffer message) {
        StringBuilder name = new StringBuilder();
        int bytes = 1;
        for (int length = u8(message); length != 0; length = u8(message)) {
            bytes += length + 1;
            if (length >= 64 || bytes > LONGEST_NAME) {
                throw new IllegalArgumentException("no name");
            }
            if (name.length() > 0) {
                name.append('.');
            }
            for (int i = 0; i < length; i++) {
                append(name, u8(message));
            }
        }
        return name.toString();
    }

    private static void append(StringBuilder name, int octet) {
        if (octet <= 0x20 || octet > 0x7e || octet == '.' || octet == '\\') {
            name.append(String.format(Locale.ROOT, "\\%03d", octet));
        } else {
            name.append(octet >= 'A' && octet <= 'Z' ? (char) (octet + 32) : (char) octet);
        }
    }

    /** What was read of the records of an answer; those before a malformed one count. */
    private static final class Records {
        private final List<IPv4Address> addresses = new ArrayList<>();
        private Optional<Duration> ttl = Optional.empty();

        void read(ByteBuffer message, int count) {
            try {
                for (int i = 0; i < count; i++) {
                    read(message);
                }
            } catch (BufferUnderflowException | IllegalArgumentException e) {
                // It ends here.
            }
        }

        private void read(ByteBuffer message) {
            skipName(message);
            int type = u16(message);
            int recordClass = u16(message);
            // One with the highest bit set is to be taken for 0 (RFC 2181, section 8).
            Duration time = Duration.ofSeconds(Math.max(0, message.getInt()));
            int length = u16(message);
            ByteBuffer data = message.slice(message.position(), Math.min(length, message.remaining()));
            message.position(message.position() + length);
            if (recordClass == IN && type != OPT) {
                ttl = Optional.of(
                        ttl.filter(shortest -> shortest.compareTo(time) < 0).orElse(time));
            }
            if (recordClass == IN && type == A && length == 4 && addresses.size() < MAX_ADDRESSES) {
                addresses.add(IPv4Address.ofBits(data.getInt()));
            }
        }

        private static void skipName(ByteBuffer message) {
            int length = u8(message);
            while (length != 0) {
                if (length >= POINTER) {
                    message.get();
                    return;
                }
                if (length >= 64) {
                    throw new IllegalArgumentException("no name");
                }
                message.position(message.position() + length);
                length = u8(message);
            }
        }
    }

    private static int u8(ByteBuffer bytes) {
        return Byte.toUnsignedInt(bytes.get());
    }

    private static int u16(ByteBuffer bytes) {
        return Short.toUnsignedInt(bytes.getShort());
    }
}
