package dev.agentvm.testkit;

import dev.agentvm.InvalidValueException;
import dev.agentvm.testkit.internal.nwfilter.IpAddress;
import dev.agentvm.testkit.internal.nwfilter.Mac;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The interface that a filter is attached to: the MAC that becomes the variable {@code MAC}, and the IPv4 address that
 * libvirt has learnt before, if any, which becomes {@code IP}. Explicit parameters win over both. Immutable, safe for
 * use by many threads.
 */
public final class Nic {
    private final Mac mac;
    private final @Nullable IpAddress ip;

    private Nic(Mac mac, @Nullable IpAddress ip) {
        this.mac = mac;
        this.ip = ip;
    }

    /**
     * An interface whose address libvirt does not know.
     *
     * @param mac such as {@code 52:54:00:12:34:56}
     * @throws InvalidValueException if that is no MAC address
     */
    public static Nic of(String mac) {
        return new Nic(parse(mac), null);
    }

    /**
     * An interface whose address libvirt knows.
     *
     * @param mac such as {@code 52:54:00:12:34:56}
     * @param ip an IPv4 address such as {@code 192.168.101.10}
     * @throws InvalidValueException if one of them is no such address
     */
    public static Nic of(String mac, String ip) {
        IpAddress address = IpAddress.parse(ip).orElse(null);
        if (address == null || address.version() != 4) {
            throw new InvalidValueException("ip", ip, "an IPv4 address such as 192.168.101.10 is needed");
        }
        return new Nic(parse(mac), address);
    }

    private static Mac parse(String mac) {
        return Mac.parse(mac)
                .orElseThrow(
                        () -> new InvalidValueException("mac", mac, "six hexadecimal bytes with colons are needed"));
    }

    /** The MAC address, in lower case. */
    public String mac() {
        return mac.toString();
    }

    /** The IPv4 address that libvirt knows, if any. */
    public Optional<String> ip() {
        return Optional.ofNullable(ip).map(IpAddress::toString);
    }

    /** A packet that this interface sends: its MAC is the source. */
    public Packet.Builder sends(Packet.Path path) {
        return Packet.fromVM(path).from(mac());
    }

    /** A packet for this interface: its MAC is the destination. */
    public Packet.Builder receives(Packet.Path path) {
        return Packet.toVM(path).to(mac());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Nic nic && mac.equals(nic.mac) && Objects.equals(ip, nic.ip);
    }

    @Override
    public int hashCode() {
        return Objects.hash(mac, ip);
    }

    @Override
    public String toString() {
        return ip == null ? mac.toString() : mac + " " + ip;
    }
}
