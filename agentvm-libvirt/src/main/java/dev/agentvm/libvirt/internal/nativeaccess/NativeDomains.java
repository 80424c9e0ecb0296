package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.check;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.take;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.takeList;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Domains: each call looks its domain up, uses it and frees it. */
public final class NativeDomains {
    private static final int METADATA_ELEMENT = 2;
    private static final int AFFECT_LIVE = 1;
    /** {@code VIR_DOMAIN_STATS_}: CPU_TOTAL, BALLOON, VCPU, INTERFACE and BLOCK. */
    private static final int STATISTICS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5;
    /** {@code VIR_CONNECT_GET_ALL_DOMAINS_STATS_}: ACTIVE and NOWAIT, which leaves out what a domain that is busy cannot tell. */
    private static final int STATISTICS_FLAGS = 1 | 1 << 29;

    private static final int UNDEFINE_MANAGED_SAVE = 1;
    private static final int UNDEFINE_SNAPSHOTS_METADATA = 1 << 1;

    private static final int SNAPSHOT_NO_METADATA = 1 << 2;
    private static final int SNAPSHOT_REUSE_EXTERNAL = 1 << 5;
    private static final int SNAPSHOT_ATOMIC = 1 << 7;
    private static final int RESTORE_PAUSED = 1 << 2;

    private final Pointer connection;

    NativeDomains(Pointer connection) {
        this.connection = connection;
    }

    /** Makes a value of a domain's state and reason. */
    public interface StateReader<T> {
        T of(int state, int reason);
    }

    /** Makes a value of a line of a list; {@code metadata} is null if there is none. */
    public interface ListReader<T> {
        T of(UUID uuid, String name, int state, int reason, @Nullable String metadata);
    }

    /** {@code virDomainCreateXML}. */
    public <T> T create(String xml, int flags, BiFunction<UUID, String, T> reader) {
        return using(Virt.INSTANCE.virDomainCreateXML(connection, xml, flags), d -> reader.apply(uuid(d), name(d)));
    }

    /** Finds a domain by its name. */
    public <T> T byName(String name, BiFunction<UUID, String, T> reader) {
        return using(Virt.INSTANCE.virDomainLookupByName(connection, name), d -> reader.apply(uuid(d), name(d)));
    }

    /** Finds a domain by its UUID. */
    public <T> T byUuid(UUID uuid, BiFunction<UUID, String, T> reader) {
        return with(uuid, d -> reader.apply(uuid(d), name(d)));
    }

    /** {@code virDomainResume}. */
    public void resume(UUID uuid) {
        with(uuid, d -> check(Virt.INSTANCE.virDomainResume(d)));
    }

    /** {@code virDomainSuspend}. */
    public void suspend(UUID uuid) {
        with(uuid, d -> check(Virt.INSTANCE.virDomainSuspend(d)));
    }

    /** {@code virDomainDestroy}. */
    public void destroy(UUID uuid) {
        with(uuid, d -> check(Virt.INSTANCE.virDomainDestroy(d)));
    }

    /**
     * {@code virDomainSnapshotCreateXML} with files that are there already, of which libvirt remembers nothing; all of it
     * is done or nothing.
     */
    public void snapshot(UUID uuid, String xml) {
        int flags = SNAPSHOT_NO_METADATA | SNAPSHOT_REUSE_EXTERNAL | SNAPSHOT_ATOMIC;
        with(
                uuid,
                d -> Virt.INSTANCE.virDomainSnapshotFree(
                        check(Virt.INSTANCE.virDomainSnapshotCreateXML(d, xml, flags))));
    }

    /** {@code virDomainSaveImageGetXMLDesc}. */
    public String savedXml(String file) {
        return take(Virt.INSTANCE.virDomainSaveImageGetXMLDesc(connection, file, 0));
    }

    /** {@code virDomainRestoreFlags}, which leaves the domain paused. */
    public void restore(String file, String xml) {
        check(Virt.INSTANCE.virDomainRestoreFlags(connection, file, xml, RESTORE_PAUSED));
    }

    /** {@code virDomainUndefineFlags}, with the managed-save image and the snapshots' metadata. */
    public void undefine(UUID uuid) {
        with(
                uuid,
                d -> check(
                        Virt.INSTANCE.virDomainUndefineFlags(d, UNDEFINE_MANAGED_SAVE | UNDEFINE_SNAPSHOTS_METADATA)));
    }

    /** {@code virDomainSetInterfaceParameters} of the running domain, with unsigned values. */
    public void setInterfaceParameters(UUID uuid, String device, Map<String, Integer> values) {
        PointerByReference parameters = new PointerByReference();
        IntByReference count = new IntByReference();
        IntByReference capacity = new IntByReference();
        try {
            values.forEach((name, value) ->
                    check(Virt.INSTANCE.virTypedParamsAddUInt(parameters, count, capacity, name, value)));
            with(
                    uuid,
                    d -> check(Virt.INSTANCE.virDomainSetInterfaceParameters(
                            d, device, parameters.getValue(), count.getValue(), AFFECT_LIVE)));
        } finally {
            Virt.INSTANCE.virTypedParamsFree(parameters.getValue(), count.getValue());
        }
    }

    /** {@code virDomainGetState}. */
    public <T> T state(UUID uuid, StateReader<T> reader) {
        return with(uuid, d -> state(d, reader));
    }

    /** {@code virDomainGetXMLDesc}. */
    public String xml(UUID uuid) {
        return with(uuid, d -> take(Virt.INSTANCE.virDomainGetXMLDesc(d, 0)));
    }

    /** {@code virConnectListAllDomains}; a domain that ends meanwhile is left out. */
    public <T> List<T> list(String metadataUri, ListReader<T> reader) {
        return takeList(
                        array -> Virt.INSTANCE.virConnectListAllDomains(connection, array, 0),
                        d -> line(d, metadataUri, reader),
                        Virt.INSTANCE::virDomainFree)
                .stream()
                .flatMap(Optional::stream)
                .toList();
    }

    /** {@code virConnectGetAllDomainStats} of the running domains: their whole numbers by their names in libvirt. */
    public Map<UUID, Map<String, Long>> statistics() {
        PointerByReference list = new PointerByReference();
        int count = check(Virt.INSTANCE.virConnectGetAllDomainStats(connection, STATISTICS, list, STATISTICS_FLAGS));
        Pointer records = list.getValue();
        Map<UUID, Map<String, Long>> statistics = new HashMap<>();
        try {
            for (int i = 0; i < count; i++) {
                Pointer one = records.getPointer((long) i * Native.POINTER_SIZE);
                statistics.put(
                        uuid(one.getPointer(0)),
                        TypedParameters.wholeNumbers(
                                one.getPointer(Native.POINTER_SIZE), one.getInt(2L * Native.POINTER_SIZE)));
            }
        } finally {
            Virt.INSTANCE.virDomainStatsRecordListFree(records);
        }
        return statistics;
    }

    /** {@code virDomainSetMetadata} of the running domain; null removes. */
    public void setMetadata(UUID uuid, String prefix, String uri, @Nullable String xml) {
        with(uuid, d -> check(Virt.INSTANCE.virDomainSetMetadata(d, METADATA_ELEMENT, xml, prefix, uri, AFFECT_LIVE)));
    }

    /**
     * {@code virDomainQemuAgentCommand}.
     *
     * @param found runs when libvirt has found the domain, and only the command is left to be sent
     */
    public String agentCommand(UUID uuid, String json, int timeoutSeconds, Runnable found) {
        return with(uuid, d -> {
            found.run();
            return take(VirtQemu.INSTANCE.virDomainQemuAgentCommand(d, json, timeoutSeconds, 0));
        });
    }

    /** {@code virDomainAgentSetResponseTimeout}. */
    public void setAgentResponseTimeout(UUID uuid, int seconds) {
        with(uuid, d -> check(Virt.INSTANCE.virDomainAgentSetResponseTimeout(d, seconds, 0)));
    }

    private <T> Optional<T> line(Pointer domain, String metadataUri, ListReader<T> reader) {
        try {
            String metadata = metadata(domain, metadataUri);
            return Optional.of(
                    state(domain, (state, reason) -> reader.of(uuid(domain), name(domain), state, reason, metadata)));
        } catch (LibvirtError e) {
            if (e.is(ErrorCode.NO_DOMAIN)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private static @Nullable String metadata(Pointer domain, String uri) {
        Pointer xml = Virt.INSTANCE.virDomainGetMetadata(domain, METADATA_ELEMENT, uri, 0);
        if (xml != null) {
            return take(xml);
        }
        LibvirtError error = LibvirtError.last();
        if (error.is(ErrorCode.NO_DOMAIN_METADATA)) {
            return null;
        }
        throw error;
    }

    private static <T> T state(Pointer domain, StateReader<T> reader) {
        IntByReference state = new IntByReference();
        IntByReference reason = new IntByReference();
        check(Virt.INSTANCE.virDomainGetState(domain, state, reason, 0));
        return reader.of(state.getValue(), reason.getValue());
    }

    private <T> T with(UUID uuid, Function<Pointer, T> call) {
        return using(Virt.INSTANCE.virDomainLookupByUUIDString(connection, uuid.toString()), call);
    }

    private static <T> T using(@Nullable Pointer domain, Function<Pointer, T> call) {
        Pointer present = check(domain);
        try {
            return call.apply(present);
        } finally {
            Virt.INSTANCE.virDomainFree(present);
        }
    }

    private static UUID uuid(Pointer domain) {
        return Memories.uuid(domain, Virt.INSTANCE::virDomainGetUUIDString);
    }

    private static String name(Pointer domain) {
        return Virt.INSTANCE.virDomainGetName(domain);
    }
}
