package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.VMNotFoundException;
import dev.agentvm.libvirt.internal.capture.OwnTaps;
import dev.agentvm.libvirt.internal.capture.TapWatcher;
import dev.agentvm.libvirt.internal.capture.Taps;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.HostFacts;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.flowlog.ServiceTaps;
import dev.agentvm.libvirt.internal.guest.GuestAgent;
import dev.agentvm.libvirt.internal.journal.HypervisorId;
import dev.agentvm.libvirt.internal.journal.Journals;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.storage.ImageDirectory;
import dev.agentvm.libvirt.internal.storage.VolumePool;
import dev.agentvm.libvirt.internal.xml.ActivityXml;
import dev.agentvm.libvirt.internal.xml.CapabilitiesXml;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import dev.agentvm.libvirt.internal.xml.OwnerXml;
import dev.agentvm.spi.EventDispatcher;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * What a host is made of.
 *
 * @param libvirt the connections
 * @param journals where launches are written down
 * @param images what VMs boot
 * @param volumes what holds the VMs' disks
 * @param networking the VMs' network
 * @param taps notes what VMs do on their networks
 * @param events who is told what happens
 * @param sampling how often they are told what VMs have used
 * @param requirements what templates need of the host
 * @param clock tells the time of launches and ends
 */
record Parts(
        Libvirt libvirt,
        Journals journals,
        ImageDirectory images,
        VolumePool volumes,
        Networking networking,
        TapWatcher taps,
        EventDispatcher events,
        Duration sampling,
        Requirements requirements,
        Clock clock)
        implements AutoCloseable {

    /** Connects, and opens all else that {@code settings} name. */
    static Parts open(Settings settings) {
        LibvirtXml.prepare();
        return open(settings, Libvirt.open(LibvirtOptions.of(settings.uri())));
    }

    /** Opens all else; {@code libvirt} is closed if that fails. */
    static Parts open(Settings settings, Libvirt libvirt) {
        HostView host = HostView.local(settings.flowLogSocket());
        EventDispatcher events = new EventDispatcher();
        try {
            settings.listeners().forEach(events::listen);
            // What asks libvirt may fail, so it comes before what would then have to be closed.
            Requirements requirements =
                    new Requirements(libvirt, host, settings.network(), settings.accelerator(), settings.confinement());
            return new Parts(
                    libvirt,
                    journals(settings, libvirt),
                    new ImageDirectory(settings.imageDirectory()),
                    new VolumePool(libvirt, settings.storagePool(), settings.storageDirectory()),
                    new Networking(libvirt, settings.network(), host),
                    new TapWatcher(settings.clock(), taps(settings)),
                    events,
                    settings.sampling(),
                    requirements,
                    settings.clock());
        } catch (RuntimeException | Error e) {
            events.close();
            libvirt.close();
            throw e;
        }
    }

    private static Journals journals(Settings settings, Libvirt libvirt) {
        HypervisorId hypervisor = identity(libvirt.host());
        return settings.launching()
                ? Journals.open(settings.stateDirectory(), hypervisor)
                : Journals.openToVisit(settings.stateDirectory(), hypervisor);
    }

    /** The URI alone is the same on all hosts that share a state directory, such as one in a home directory on NFS. */
    static HypervisorId identity(HostFacts host) {
        Set<String> names = new HashSet<>();
        names.add(host.hostname());
        CapabilitiesXml capabilities = LibvirtXml.read(host.capabilitiesXml(), CapabilitiesXml.class);
        if (capabilities.host != null && capabilities.host.uuid != null) {
            names.add(capabilities.host.uuid);
        }
        return new HypervisorId(host.uri(), names);
    }

    private static Taps taps(Settings settings) {
        return PacketSocket.permitted() || !Files.exists(settings.flowLogSocket())
                ? new OwnTaps()
                : new ServiceTaps(settings.flowLogSocket());
    }

    /** The domain as it is now, or empty if it is gone. */
    Optional<DomainXml> domainXml(DomainRef domain) {
        try {
            return Optional.of(LibvirtXml.read(libvirt.domains().xml(domain), DomainXml.class));
        } catch (VMNotFoundException e) {
            return Optional.empty();
        }
    }

    /**
     * The mark of a domain of ours. It is read from the whole document, since libvirt strips the namespace from what it
     * answers when asked for the metadata alone.
     */
    static OwnerXml mark(DomainXml domain) {
        return domain.metadata == null || domain.metadata.owner == null ? new OwnerXml() : domain.metadata.owner;
    }

    /** When the time to live of a domain of ours ends, if it has one; while it is being launched, the latest. */
    static Optional<Instant> expires(DomainXml domain) {
        ActivityXml activity = domain.metadata == null ? null : domain.metadata.activity;
        return activity == null || activity.expires == null
                ? Optional.ofNullable(mark(domain).expires)
                : Optional.of(activity.expires);
    }

    /** Tells other programs of a VM's times. */
    void mark(DomainRef domain, ActivityXml activity) {
        libvirt.domains()
                .setMetadata(
                        domain, ActivityXml.PREFIX, ActivityXml.NAMESPACE, Optional.of(LibvirtXml.write(activity)));
    }

    Cleaner cleaner() {
        return new Cleaner(libvirt, networking);
    }

    GuestAgent agent(DomainRef domain) {
        return new GuestAgent(domain.name(), new DomainAgent(libvirt.agents(), domain));
    }

    /** Closes the connections first: what libvirt destroys with them is then gone before the journals say so. */
    @Override
    public void close() {
        libvirt.close();
        taps.close();
        boolean unused = events.close(EventDispatcher.LAST_DELIVERY);
        journals.close();
    }
}
