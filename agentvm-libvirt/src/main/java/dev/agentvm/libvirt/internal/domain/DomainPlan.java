package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.Accelerator;
import dev.agentvm.Resources;
import dev.agentvm.libvirt.internal.storage.BootSource;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * All that a domain is rendered from.
 *
 * @param id the domain's UUID
 * @param name the domain's name
 * @param accelerator what runs the guest's instructions
 * @param amd whether the host's CPU is AMD's
 * @param resources how much of the host it may use
 * @param boot what boots
 * @param disk its own disk
 * @param layersInMemory how many layers of it may lie in the host's memory, where what is written counts as QEMU's
 * @param variables where its UEFI firmware keeps its variables, if UEFI boots it
 * @param seed what it finds at its first boot, if there is something
 * @param card its network card, if it has one
 * @param owner who launched it
 * @param user the number of the user for whom its launcher runs
 * @param labels what the host application wants to remember
 * @param created when it was launched
 * @param expires when its time to live ends
 */
public record DomainPlan(
        UUID id,
        String name,
        Accelerator accelerator,
        boolean amd,
        Resources resources,
        BootSource boot,
        VMDisk disk,
        int layersInMemory,
        Optional<Volume> variables,
        Optional<Volume> seed,
        Optional<Card> card,
        String owner,
        long user,
        Map<String, String> labels,
        Instant created,
        Optional<Instant> expires) {

    /**
     * A network card.
     *
     * @param mac its address
     * @param link what it is plugged into
     * @param tap the name of its end on the host
     * @param filter the name of the filter that binds it
     * @param bandwidth how fast it may be, already reduced to what the host can do
     */
    public record Card(MacAddress mac, Link link, String tap, String filter, BandwidthLimit bandwidth) {}

    /** What a network card is plugged into. */
    public sealed interface Link {
        /** A libvirt network, on a port that sees no other such port. */
        record Network(String name) implements Link {}

        /**
         * A bridge of the host, on a port that sees no other such port.
         *
         * @param resolvers whom the VM may ask for names, to be known again when the VM is found
         * @param learning whether libvirt is to learn the VM's address from its DHCP lease
         */
        record Bridge(String name, List<IPv4Address> resolvers, boolean learning) implements Link {
            /** Copies the list. */
            public Bridge {
                resolvers = List.copyOf(resolvers);
            }
        }
    }
}
