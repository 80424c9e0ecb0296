package dev.agentvm.libvirt.internal.connection;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Domains; errors, timeouts and threads as {@link Libvirt} says. */
public interface Domains {
    /**
     * Creates a transient domain and starts it, on the one connection that owns domains.
     *
     * @throws dev.agentvm.VMAlreadyExistsException if a domain of that name or UUID exists
     */
    DomainRef create(String xml, Set<CreateFlag> flags);

    /**
     * Takes an external snapshot of a running domain, memory and disks, all of it or nothing, and lets it run on. libvirt
     * keeps no record of it.
     *
     * @param xml a {@code <domainsnapshot>}, whose files are there already
     */
    void snapshot(DomainRef domain, String xml);

    /** The XML of the domain whose memory is in that file of the host. */
    String savedXml(String file);

    /**
     * Creates the domain whose memory is in that file of the host, paused. libvirt ties no restored domain to a
     * connection: it outlives this program.
     *
     * @param xml its XML, changed where a host's files are named and nowhere else
     */
    void restore(DomainRef domain, String file, String xml);

    /** Lets the vCPUs run. */
    void resume(DomainRef domain);

    /** Pauses the vCPUs. */
    void suspend(DomainRef domain);

    /**
     * Destroys a domain, without asking its guest.
     *
     * @return whether there was one; {@code false} if it was not there, or defined and not running
     */
    boolean destroy(DomainRef domain);

    /**
     * Removes a persistent definition, with its managed-save image and snapshot metadata.
     *
     * @return whether there was one
     */
    boolean undefine(DomainRef domain);

    /**
     * Limits how fast a network card of a running domain may be; in kilobytes (1000 bytes) per second, 0 is no limit.
     *
     * @param tap the card's end on the host
     * @param inbound towards the guest
     * @param outbound from the guest
     */
    void setBandwidth(DomainRef domain, String tap, int inbound, int outbound);

    /** The state, or empty if there is no such domain (a transient one that ended is no more). */
    Optional<DomainState> state(DomainRef domain);

    /** The XML as it is now. */
    String xml(DomainRef domain);

    /** A domain by its name. */
    Optional<DomainRef> lookup(String name);

    /** A domain by its UUID. */
    Optional<DomainRef> lookup(UUID uuid);

    /** What each running domain has used so far, whoever made it, in one call. */
    Map<UUID, DomainStatistics> statistics();

    /** All domains, running or not, each with its metadata element of the namespace {@code metadataUri}. */
    List<DomainListing> list(String metadataUri);

    /** Sets (or with {@code xml} empty removes) the metadata element of a namespace, on the running domain. */
    void setMetadata(DomainRef domain, String prefix, String metadataUri, Optional<String> xml);
}
