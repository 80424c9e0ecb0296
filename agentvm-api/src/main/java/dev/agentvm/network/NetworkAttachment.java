package dev.agentvm.network;

import dev.agentvm.InvalidValueException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.immutables.value.Value;

/** How a VM is attached to its network: who it is there, and who is around it. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class NetworkAttachment implements WithNetworkAttachment {
    NetworkAttachment() {}

    /** The VM's MAC address. */
    public abstract MacAddress mac();

    /** The VM's address, one of the subnet. */
    public abstract IPv4Address address();

    /** The network that the VM's address belongs to. */
    public abstract Cidr subnet();

    /**
     * The host's address on that network, through which the VM reaches everything, one of the subnet and not the VM's;
     * none on a caller's bridge.
     */
    public abstract Optional<IPv4Address> gateway();

    /** Where the VM may ask for names. */
    public abstract List<IPv4Address> resolvers();

    /**
     * All IPv4 addresses of the host, on whatever interface, and those to which its subnets broadcast, where it answers
     * too; the gateway counts as one whether it is listed or not.
     */
    public abstract Set<IPv4Address> hostAddresses();

    /** Blocks of addresses all of which the host takes for its own, without having each ({@code ip route add local}). */
    public abstract Set<Cidr> hostBlocks();

    /** Whether the host answers at that address. */
    public final boolean isHost(IPv4Address address) {
        return hostAddresses().contains(address)
                || gateway().filter(address::equals).isPresent()
                || hostBlocks().stream().anyMatch(block -> block.contains(address));
    }

    /** The first VM of the default network, on a host that has no other address than the gateway's. */
    public static NetworkAttachment example() {
        IPv4Address gateway = IPv4Address.of("192.168.101.1");
        return new Builder()
                .mac(MacAddress.of("52:54:c0:a8:65:0a"))
                .address(IPv4Address.of("192.168.101.10"))
                .subnet(Cidr.of("192.168.101.0/24"))
                .gateway(gateway)
                .addResolver(gateway)
                .addHostAddress(gateway)
                .build();
    }

    @Value.Check
    void check() {
        if (!subnet().contains(address())) {
            throw new InvalidValueException("address", address(), "must be in the subnet " + subnet());
        }
        gateway().ifPresent(gateway -> {
            if (!subnet().contains(gateway) || gateway.equals(address())) {
                throw new InvalidValueException(
                        "gateway", gateway, "must be in the subnet " + subnet() + " and not the VM's own " + address());
            }
        });
    }

    /** A builder that starts with this attachment. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link NetworkAttachment}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableNetworkAttachment.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
