package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.connection.Errors.Operation;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** {@link Domains} over the connections that {@link Core} has for each kind of call. */
final class DomainCalls implements Domains {
    private final Core core;
    private final Calls owner;
    private final Calls memory;
    private final Calls calls;

    DomainCalls(Core core, Scope scope) {
        this.core = core;
        this.owner = new Calls(core.owner(), scope);
        this.memory = new Calls(core.memory(), scope);
        this.calls = new Calls(core.control(), scope);
    }

    @Override
    public DomainRef create(String xml, Set<CreateFlag> flags) {
        int bits = flags.stream().mapToInt(CreateFlag::bit).reduce(0, (a, b) -> a | b);
        return owner.get(new Operation("create", null), c -> c.domains().create(xml, bits, DomainRef::new));
    }

    @Override
    public void snapshot(DomainRef domain, String xml) {
        memory.run(new Operation("snapshot", domain), c -> c.domains().snapshot(domain.uuid(), xml));
    }

    @Override
    public String savedXml(String file) {
        return calls.read(
                new Operation("XML of " + file, null), c -> c.domains().savedXml(file));
    }

    @Override
    public void restore(DomainRef domain, String file, String xml) {
        memory.run(new Operation("restore", domain), c -> c.domains().restore(file, xml));
    }

    @Override
    public Map<UUID, DomainStatistics> statistics() {
        Map<UUID, DomainStatistics> statistics = new HashMap<>();
        calls.get(new Operation("read statistics", null), c -> c.domains().statistics())
                .forEach((uuid, numbers) -> statistics.put(uuid, DomainStatistics.of(numbers)));
        return statistics;
    }

    @Override
    public void resume(DomainRef domain) {
        calls.run(new Operation("resume", domain), c -> c.domains().resume(domain.uuid()));
    }

    @Override
    public void suspend(DomainRef domain) {
        calls.run(new Operation("suspend", domain), c -> c.domains().suspend(domain.uuid()));
    }

    @Override
    public boolean destroy(DomainRef domain) {
        boolean destroyed = calls.get(new Operation("destroy", domain), c -> destroy(c, domain.uuid()));
        core.agents().forget(domain.uuid());
        return destroyed;
    }

    /** libvirt uses one code for "not running" and for all that is wrong at the moment, so the state is asked. */
    private static boolean destroy(NativeConnection connection, UUID uuid) {
        try {
            connection.domains().destroy(uuid);
            return true;
        } catch (LibvirtError e) {
            if (e.is(ErrorCode.NO_DOMAIN) || (e.is(ErrorCode.OPERATION_INVALID) && !active(connection, uuid))) {
                return false;
            }
            throw e;
        }
    }

    private static boolean active(NativeConnection connection, UUID uuid) {
        try {
            return connection.domains().state(uuid, (state, reason) -> DomainState.State.of(state))
                    != DomainState.State.SHUTOFF;
        } catch (LibvirtError e) {
            if (e.is(ErrorCode.NO_DOMAIN)) {
                return false;
            }
            throw e;
        }
    }

    @Override
    public boolean undefine(DomainRef domain) {
        return calls.done(
                new Operation("undefine", domain), c -> c.domains().undefine(domain.uuid()), ErrorCode.NO_DOMAIN);
    }

    @Override
    public void setBandwidth(DomainRef domain, String tap, int inbound, int outbound) {
        calls.run(
                new Operation("bandwidth", domain),
                c -> c.domains()
                        .setInterfaceParameters(
                                domain.uuid(), tap, Map.of("inbound.average", inbound, "outbound.average", outbound)));
    }

    @Override
    public Optional<DomainState> state(DomainRef domain) {
        return calls.find(
                new Operation("state", domain),
                c -> c.domains()
                        .state(domain.uuid(), (state, reason) -> new DomainState(DomainState.State.of(state), reason)),
                ErrorCode.NO_DOMAIN);
    }

    @Override
    public String xml(DomainRef domain) {
        return calls.read(new Operation("XML", domain), c -> c.domains().xml(domain.uuid()));
    }

    @Override
    public Optional<DomainRef> lookup(String name) {
        return calls.find(
                new Operation("lookup of domain '" + name + "'", null),
                c -> c.domains().byName(name, DomainRef::new),
                ErrorCode.NO_DOMAIN);
    }

    @Override
    public Optional<DomainRef> lookup(UUID uuid) {
        return calls.find(
                new Operation("lookup of domain " + uuid, null),
                c -> c.domains().byUuid(uuid, DomainRef::new),
                ErrorCode.NO_DOMAIN);
    }

    @Override
    public List<DomainListing> list(String metadataUri) {
        return calls.read(
                new Operation("list of domains", null),
                c -> c.domains()
                        .list(
                                metadataUri,
                                (uuid, name, state, reason, metadata) -> new DomainListing(
                                        new DomainRef(uuid, name),
                                        new DomainState(DomainState.State.of(state), reason),
                                        Optional.ofNullable(metadata))));
    }

    @Override
    public void setMetadata(DomainRef domain, String prefix, String metadataUri, Optional<String> xml) {
        calls.run(
                new Operation("metadata", domain),
                c -> c.domains().setMetadata(domain.uuid(), prefix, metadataUri, xml.orElse(null)));
    }
}
