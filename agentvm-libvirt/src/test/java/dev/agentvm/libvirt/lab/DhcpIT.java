package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.FloorClause;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.Verdict;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a guest can do to the server that gives out addresses: no filter of libvirt's sees for whom it asks. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class DhcpIT {
    private static final String NETWORK = "declining";
    /** With five addresses for VMs. */
    private static final Cidr SUBNET = Cidr.of("10.77.9.0/28");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void addressesDeclinedInTheNameOfOthers_areKeptFromThem_andItIsToldAsDenied() {
        try (Hypervisor hypervisor = new LibvirtHypervisor.Builder()
                        .network(NETWORK)
                        .subnet(SUBNET)
                        .connect();
                VM declining = hypervisor.launch(Lab.tiny("declining"))) {
            NetworkAttachment own = declining.attachment().orElseThrow();
            assertThat(askForAddress(declining)).contains("lease of " + own.address() + " obtained");
            for (int last = 10; last <= 14; last++) {
                IPv4Address address = IPv4Address.of("10.77.9." + last);
                if (!address.equals(own.address())) {
                    Lab.send(declining, decline(own, macOf(address), address));
                }
            }

            try (VM later = hypervisor.launch(Lab.tiny("later"))) {
                assertThat(askForAddress(later)).contains("no lease");
                MacAddress other = later.attachment().orElseThrow().mac();
                Awaitility.await()
                        .atMost(Duration.ofSeconds(5))
                        .until(() -> declining.connectionLog().attempts().stream()
                                .filter(attempt -> attempt.flow().sourceMac().equals(Optional.of(other)))
                                .flatMap(attempt -> attempt.verdict().flatMap(Verdict::clause).stream())
                                .anyMatch(FloorClause.OWN_ADDRESS::equals));
            }
        } finally {
            Lab.host("sh", "-c", "virsh -q net-destroy " + NETWORK + "; virsh -q net-undefine " + NETWORK);
        }
    }

    private static String askForAddress(VM vm) {
        ExecResult result =
                vm.exec(Command.shell("udhcpc -f -n -q -t 3 -T 1 -i eth0 -s /sbin/udhcpc-event 2>&1; true"));
        return result.stdoutText();
    }

    private static MacAddress macOf(IPv4Address address) {
        String digits = HexFormat.of().toHexDigits(address.bits());
        return MacAddress.of("52:54:" + digits.replaceAll("(..)(?=.)", "$1:"));
    }

    /** That the address it was given is somebody else's (RFC 2131, 3.1, step 5), in the name of {@code client}. */
    private static byte[] decline(NetworkAttachment own, MacAddress client, IPv4Address address) {
        byte[] message = ByteBuffer.allocate(256)
                .put(HexFormat.of().parseHex("010106000000000700000000"))
                .put(new byte[16])
                .put(HexFormat.ofDelimiter(":").parseHex(client.toString()))
                .put(new byte[202])
                .put(HexFormat.of().parseHex("63825363350104"))
                .putShort((short) 0x3604)
                .putInt(own.gateway().orElseThrow().bits())
                .putShort((short) 0x3204)
                .putInt(address.bits())
                .put((byte) 0xff)
                .array();
        int length = 8 + message.length;
        byte[] packet = ByteBuffer.allocate(20 + length)
                .put(PolicyIT.ipHeader(IPv4Address.of("0.0.0.0"), IPv4Address.of("255.255.255.255"), 17, length))
                .putShort((short) 68)
                .putShort((short) 67)
                .putShort((short) length)
                .putShort((short) 0)
                .put(message)
                .array();
        return Frames.ethernet(Frames.BROADCAST, own.mac(), Frames.IPV4, packet);
    }
}
