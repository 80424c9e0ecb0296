package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.GuestImage;
import dev.agentvm.Images;
import dev.agentvm.StoredImage;
import dev.agentvm.libvirt.internal.connection.DomainListing;
import dev.agentvm.libvirt.internal.storage.Overlays;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The image directory, and the VMs that use what is in it. Safe for use by many threads. */
final class LibvirtImages implements Images {
    private final LibvirtHost host;

    LibvirtImages(LibvirtHost host) {
        this.host = host;
    }

    @Override
    public List<StoredImage> list() {
        host.requireOpen("list images");
        return host.parts().images().list();
    }

    @Override
    public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
        host.requireOpen("add an image");
        return host.parts().images().add(name, image, sha256);
    }

    @Override
    public boolean remove(String name) {
        host.requireOpen("remove an image");
        return host.parts().images().remove(name, this::user);
    }

    /** The name of a VM of ours, running or not, that uses a file below {@code home}. */
    private Optional<String> user(Path home) {
        return domain(home).or(() -> volume(home));
    }

    /** A VM that is being put back to an earlier state has no domain for a while, but always a disk. */
    private Optional<String> volume(Path home) {
        return host.parts().volumes().overlays().entrySet().stream()
                .filter(volume -> Stream.concat(
                                volume.getValue().stream(),
                                handles(volume.getKey()).flatMap(LibvirtVM::bootFiles))
                        .anyMatch(file -> file.startsWith(home)))
                .map(volume -> handles(volume.getKey())
                        .map(LibvirtVM::name)
                        .findFirst()
                        .orElse(volume.getKey()))
                .findFirst();
    }

    private Stream<LibvirtVM> handles(String volume) {
        return Overlays.vm(volume).stream().flatMap(id -> host.handles(id).stream());
    }

    private Optional<String> domain(Path home) {
        Parts parts = host.parts();
        return parts.libvirt().domains().list(OwnerXml.NAMESPACE).stream()
                .filter(listed -> listed.metadata().isPresent())
                .map(DomainListing::domain)
                .filter(domain -> parts.domainXml(domain).stream()
                        .flatMap(LibvirtImages::files)
                        .anyMatch(file -> Path.of(file).startsWith(home)))
                .map(domain -> domain.name())
                .findFirst();
    }

    /** The files that a domain reads; of its disks, all layers, the last of which is an image's. */
    static Stream<String> files(DomainXml domain) {
        List<@Nullable String> files = new ArrayList<>();
        files.add(domain.os.kernel);
        files.add(domain.os.initrd);
        for (DomainXml.Disk disk : domain.devices.disks) {
            for (DomainXml.BackingStore below = disk.backingStore; below != null; below = below.backingStore) {
                if (below.source != null) {
                    files.add(below.source.file);
                }
            }
        }
        return files.stream().flatMap(Stream::ofNullable);
    }
}
