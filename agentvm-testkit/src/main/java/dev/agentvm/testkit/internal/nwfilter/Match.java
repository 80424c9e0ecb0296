package dev.agentvm.testkit.internal.nwfilter;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One condition of a rule. */
interface Match {
    /** Why the condition does not hold; null if it holds. */
    @Nullable String mismatch(Subject subject);

    /**
     * A packet as a rule sees it.
     *
     * @param packet the frame, in iptables the datagram put together again
     * @param finding what connection tracking says; null in ebtables, and where nothing is tracked
     */
    record Subject(PacketData packet, Conntrack.@Nullable Finding finding, Conntrack conntrack) {
        PacketData.@Nullable Ip ip() {
            return packet.body() instanceof PacketData.Ip ip ? ip : null;
        }
    }

    /** A rule with its conditions. */
    record Compiled(RenderedRule rule, List<Match> matches, String target) {
        @Nullable String mismatch(Subject subject) {
            for (Match match : matches) {
                String mismatch = match.mismatch(subject);
                if (mismatch != null) {
                    return mismatch;
                }
            }
            return null;
        }
    }

    /** A condition on one property of the packet; a packet without the property does not match, negated or not. */
    static Match property(String option, boolean negated, String expected, Property property) {
        return subject -> {
            Found found = property.find(subject);
            if (found == null) {
                return option + ": the packet has none";
            }
            return found.matches() != negated
                    ? null
                    : option + (negated ? " ! " : " ") + expected + ": the packet has " + found.actual();
        };
    }

    /** Looks at a packet. */
    interface Property {
        @Nullable Found find(Subject subject);
    }

    /** What was found, and whether it is what was looked for. */
    record Found(String actual, boolean matches) {}

    /** Walks over the arguments of a command. */
    final class Tokens {
        private final RenderedRule rule;
        private final List<String> tokens;
        private int at;

        Tokens(RenderedRule rule) {
            this.rule = rule;
            this.tokens = new ArrayList<>(rule.arguments());
        }

        boolean hasNext() {
            return at < tokens.size();
        }

        String next() {
            if (!hasNext()) {
                throw refused("an argument is missing");
            }
            return tokens.get(at++);
        }

        boolean skip(String token) {
            boolean there = hasNext() && tokens.get(at).equals(token);
            at += there ? 1 : 0;
            return there;
        }

        dev.agentvm.testkit.NwfilterException refused(String why) {
            return Refusal.start(rule.engine().command() + " refuses '-A " + rule.chain() + " " + rule + "': " + why);
        }

        dev.agentvm.testkit.NwfilterException notModelled(String why) {
            return Refusal.notModelled(
                    rule.engine().command() + " with '-A " + rule.chain() + " " + rule + "': " + why);
        }

        int number(String text, int most) {
            if (!text.matches("[0-9]{1,6}") || Integer.parseInt(text) > most) {
                throw text.matches("[A-Za-z_].*")
                        ? notModelled("the name '" + text + "'")
                        : refused("'" + text + "' is not a number up to " + most);
            }
            return Integer.parseInt(text);
        }

        /** A port, or two with a colon, either of which may be missing. */
        PortRange ports(String text) {
            String[] parts = text.split(":", -1);
            if (parts.length > 2) {
                throw refused("'" + text + "' is no port range");
            }
            int from = parts[0].isEmpty() && parts.length == 2 ? 0 : number(parts[0], 0xffff);
            int to = parts.length == 1 ? from : parts[1].isEmpty() ? 0xffff : number(parts[1], 0xffff);
            if (from > to) {
                throw refused("invalid portrange (min > max)");
            }
            return new PortRange(from, to);
        }

        IpAddress address(int version, String text) {
            IpAddress address = version == 4
                    ? IpAddress.parse4(text).orElse(null)
                    : IpAddress.parse6(text).orElse(null);
            if (address == null) {
                boolean name = text.matches("[A-Za-z_.0-9-]*[A-Za-z_][A-Za-z_.0-9-]*");
                throw name
                        ? notModelled("the host name '" + text + "'")
                        : refused("host/network '" + text + "' not found");
            }
            return address;
        }

        int prefix(int version, String text) {
            if (text.matches("[0-9]{1,3}")) {
                return number(text, version == 4 ? 32 : 128);
            }
            int prefix = address(version, text).prefixLength();
            if (prefix < 0) {
                throw notModelled("the mask '" + text + "', which is not contiguous");
            }
            return prefix;
        }

        /** An address with or without a mask. */
        Network network(int version, String text) {
            int slash = text.indexOf('/');
            IpAddress address = address(version, slash < 0 ? text : text.substring(0, slash));
            return new Network(address, slash < 0 ? address.width() : prefix(version, text.substring(slash + 1)));
        }

        Mac mac(String text) {
            return Mac.parse(text)
                    .orElseThrow(() -> text.matches("[A-Za-z]+")
                            ? notModelled("the name '" + text + "'")
                            : refused("'" + text + "' is no MAC address"));
        }
    }

    /** Ports, both ends included. */
    record PortRange(int from, int to) {
        boolean contains(int port) {
            return from <= port && port <= to;
        }

        boolean isSingle() {
            return from == to;
        }
    }

    /** A network as the tools have it: host bits do not count. */
    record Network(IpAddress address, int prefix) {
        boolean contains(IpAddress other) {
            return other.isIn(address, prefix);
        }

        @Override
        public String toString() {
            return address + "/" + prefix;
        }
    }
}
