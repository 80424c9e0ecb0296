package dev.agentvm.libvirt.internal.seed;

import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.network.MacAddress;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/** The disk on which cloud-init finds what to do: by its label, with files of fixed names (its source "NoCloud"). */
public final class NoCloudSeed {
    private static final String LABEL = "cidata";

    private NoCloudSeed() {}

    /**
     * The disk, an ISO 9660 image.
     *
     * @param id the VM's
     * @param vmName the VM's
     * @param mac its network card's address, if it has one
     * @param wanted what shall be done
     */
    public static byte[] image(UUID id, String vmName, Optional<MacAddress> mac, CloudInit wanted) {
        SortedMap<String, byte[]> files = new TreeMap<>();
        files.put("meta-data", CloudConfig.metaData(id, vmName, wanted));
        files.put("user-data", CloudConfig.userData(wanted));
        mac.ifPresent(address -> files.put("network-config", CloudConfig.networkConfig(address)));
        return Iso9660.write(LABEL, files);
    }
}
