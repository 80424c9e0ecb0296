package dev.agentvm.libvirt.internal.network;

import dev.agentvm.libvirt.internal.xml.FilterBindingXml;
import dev.agentvm.libvirt.internal.xml.FilterRefXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.MacAddressXml;
import dev.agentvm.network.MacAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** Binds filters to taps, as libvirt does for its domains. */
final class FilterBindings {
    private FilterBindings() {}

    /** Binds a filter to the tap of a VM that is none of libvirt's. */
    static void create(Path directory, UUID vm, String tap, MacAddress mac, String filter) throws IOException {
        FilterBindingXml binding = new FilterBindingXml();
        binding.owner = new FilterBindingXml.Owner();
        binding.owner.name = "test";
        binding.owner.uuid = vm.toString();
        binding.portdev = new FilterBindingXml.Device();
        binding.portdev.name = tap;
        binding.mac = MacAddressXml.of(mac.toString());
        binding.filterref = FilterRefXml.to(filter);
        Path file = Files.writeString(directory.resolve("binding.xml"), LibvirtXml.write(binding));
        Shell.run("virsh", "-q", "nwfilter-binding-create", file.toString());
    }
}
