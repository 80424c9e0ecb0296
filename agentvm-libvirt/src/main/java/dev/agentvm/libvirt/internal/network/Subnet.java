package dev.agentvm.libvirt.internal.network;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/** How the addresses of a network are used: the first is the gateway's, those from the tenth on are the VMs'. */
record Subnet(Cidr block) {
    private static final int FIRST_VM = 10;
    /** Locally administered, as QEMU's own addresses are. */
    private static final String PREFIX = "5254";

    IPv4Address gateway() {
        return IPv4Address.ofBits(block.base().bits() + 1);
    }

    IPv4Address firstVM() {
        return IPv4Address.ofBits(block.base().bits() + FIRST_VM);
    }

    IPv4Address lastVM() {
        return IPv4Address.ofBits(block.last().bits() - 1);
    }

    /** The addresses for VMs. */
    List<IPv4Address> vms() {
        return IntStream.rangeClosed(firstVM().bits(), lastVM().bits())
                .mapToObj(IPv4Address::ofBits)
                .toList();
    }

    /**
     * The MAC address for an address. It follows from the address, because a DHCP server does not give an address to one
     * MAC while another's lease of it lasts, be it that of a VM long gone.
     */
    static MacAddress mac(IPv4Address address) {
        int bits = address.bits();
        return MacAddress.of(String.format(
                Locale.ROOT,
                "52:54:%02x:%02x:%02x:%02x",
                bits >>> 24,
                bits >>> 16 & 0xff,
                bits >>> 8 & 0xff,
                bits & 0xff));
    }

    /** The address that such a MAC address follows from. */
    static Optional<IPv4Address> address(MacAddress mac) {
        String digits = mac.toString().replace(":", "");
        return digits.startsWith(PREFIX)
                ? Optional.of(IPv4Address.ofBits(Integer.parseUnsignedInt(digits.substring(PREFIX.length()), 16)))
                : Optional.empty();
    }
}
