package dev.agentvm.libvirt.internal.network;

import dev.agentvm.InvalidValueException;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What the network of the VMs shall be.
 *
 * @param name its name in libvirt: a lower-case letter, then up to 12 lower-case letters, digits or hyphens
 * @param subnet its addresses, a private block from a /28 to a /22; if empty, a free /24 is taken
 * @param resolvers the name servers that the network's resolver asks; if empty, those of the host
 * @param domains the domains whose names and subdomains' names the network's resolver looks up, in lower case; if empty,
 *     all
 */
public record NetworkSettings(String name, Optional<Cidr> subnet, List<IPv4Address> resolvers, List<String> domains) {
    private static final String DEFAULT_NAME = "agentvm";
    private static final int MAX_DOMAINS = 1000;
    private static final int MAX_DOMAIN_LENGTH = 253;
    /** RFC 1123, which is narrower than what DNS carries: a name goes into a line of the resolver's configuration. */
    private static final Pattern DOMAIN =
            Pattern.compile("LABEL(\\.LABEL)*".replace("LABEL", "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"));

    /** Checks the values. */
    public NetworkSettings {
        if (!name.matches("[a-z][a-z0-9-]{0,12}")) {
            throw new InvalidValueException(
                    "network", name, "must be a lower-case letter, then up to 12 of a-z 0-9 -, to name a bridge after");
        }
        subnet.ifPresent(block -> {
            if (block.prefixLength() < 22 || block.prefixLength() > 28) {
                throw new InvalidValueException("subnet", block, "must be from a /28 to a /22");
            }
            boolean closed = List.of(FloorClause.PRIVATE, FloorClause.SHARED).stream()
                    .flatMap(clause -> clause.ranges().stream())
                    .anyMatch(range -> range.contains(block));
            if (!closed) {
                throw new InvalidValueException(
                        "subnet", block, "must be private: within 10/8, 172.16/12, 192.168/16 or 100.64/10");
            }
        });
        resolvers = List.copyOf(resolvers);
        domains.forEach(NetworkSettings::checkDomain);
        domains = domains.stream()
                .map(domain -> domain.toLowerCase(Locale.ROOT))
                .distinct()
                .sorted()
                .toList();
        if (domains.size() > MAX_DOMAINS) {
            throw new InvalidValueException("resolvableDomains", domains.size(), "there may be at most " + MAX_DOMAINS);
        }
    }

    private static void checkDomain(String domain) {
        if (domain.length() > MAX_DOMAIN_LENGTH || !DOMAIN.matcher(domain).matches()) {
            throw new InvalidValueException(
                    "resolvableDomains",
                    domain,
                    "must be a domain such as example.com: labels of 1 to 63 characters of A-Z a-z 0-9 -, which neither"
                            + " begin nor end with -, with dots between them, at most " + MAX_DOMAIN_LENGTH
                            + " characters in all, and other letters in the form that java.net.IDN.toASCII gives");
        }
    }

    /** The network {@code agentvm}, on a free subnet, with the host's name servers. */
    public static NetworkSettings standard() {
        return new NetworkSettings(DEFAULT_NAME, Optional.empty(), List.of(), List.of());
    }

    /** The same network by another name. */
    public NetworkSettings withName(String other) {
        return new NetworkSettings(other, subnet, resolvers, domains);
    }

    /** The same network with those addresses. */
    public NetworkSettings withSubnet(Cidr block) {
        return new NetworkSettings(name, Optional.of(block), resolvers, domains);
    }

    /** The same network with those name servers behind its resolver. */
    public NetworkSettings withResolvers(List<IPv4Address> servers) {
        return new NetworkSettings(name, subnet, servers, domains);
    }

    /** The same network, whose resolver looks up names of those domains only. */
    public NetworkSettings withDomains(List<String> only) {
        return new NetworkSettings(name, subnet, resolvers, only);
    }

    /**
     * Checks what can be known only when all is said.
     *
     * @throws InvalidValueException if there are domains, and no name servers that could be asked for them alone
     */
    public void requireComplete() {
        if (!domains.isEmpty() && resolvers.isEmpty()) {
            throw new InvalidValueException(
                    "resolvableDomains",
                    String.join(", ", domains),
                    "needs resolvers(…) as well: the name servers that are asked for these domains, and for nothing else");
        }
    }

    /** The bridge interface; at most 14 characters, where the kernel allows 15. */
    String bridge() {
        return name + "0";
    }
}
