package dev.agentvm.libvirt.lab;

import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import java.util.List;
import java.util.Map;

/**
 * What is around VMs that are probed.
 *
 * @param bridge the bridge of the host that they are attached to
 * @param router to whom they send what leaves their network, a /24
 * @param routerMac its MAC address there
 * @param routerIsAlone whether nobody but the router may speak to them there
 * @param resolver whom they ask for names
 * @param near interfaces by which that comes which a VM's own filter has let go, be it to be stopped by the host
 * @param beyond the interface by which it goes on to the Internet
 * @param closed programs of the guest that must not get through here, in the words of its {@code probe}, by name
 * @param host the host's addresses, by what they are
 * @param outsiders who may try to reach the VMs
 * @param neighbour one of them that is on their own network
 * @param neighbourCard the card by which it is
 */
record ProbeSite(
        String bridge,
        IPv4Address router,
        MacAddress routerMac,
        boolean routerIsAlone,
        IPv4Address resolver,
        List<String> near,
        String beyond,
        Map<String, String> closed,
        Map<String, IPv4Address> host,
        List<Outsider> outsiders,
        Outsider neighbour,
        String neighbourCard) {

    /** An address of the VMs' network. */
    IPv4Address inNetwork(int last) {
        return IPv4Address.of(router.toString().replaceFirst("[0-9]+$", Integer.toString(last)));
    }

    /** A server of the Internet. */
    IPv4Address www() {
        return IPv4Address.of(Lab.fact("WWW_ADDRESS"));
    }

    /** A server of a private network. */
    IPv4Address inside() {
        return IPv4Address.of(Lab.fact("REBIND_ADDRESS"));
    }
}
