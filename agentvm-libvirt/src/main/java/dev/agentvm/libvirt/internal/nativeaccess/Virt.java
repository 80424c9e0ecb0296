package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Functions of libvirt.so as they are in C, handles as bare pointers. A result of type {@link String} belongs to the
 * object it was asked of; a {@link Pointer} to a string is the caller's to free.
 */
interface Virt extends Library {
    Virt INSTANCE = Native.load("virt", Virt.class, Map.of(OPTION_STRING_ENCODING, "UTF-8"));

    /** {@code virConnectDomainEventCallback}. */
    interface LifecycleCallback extends Callback {
        int onEvent(Pointer connection, Pointer domain, int event, int detail, Pointer opaque);
    }

    /** {@code virConnectDomainEventAgentLifecycleCallback}. */
    interface AgentLifecycleCallback extends Callback {
        void onEvent(Pointer connection, Pointer domain, int state, int reason, Pointer opaque);
    }

    /** {@code virConnectCloseFunc}. */
    interface CloseCallback extends Callback {
        void onClose(Pointer connection, int reason, Pointer opaque);
    }

    /** {@code virStreamEventCallback}. */
    interface StreamCallback extends Callback {
        void onEvent(Pointer stream, int events, Pointer opaque);
    }

    /** {@code virEventTimeoutCallback}. */
    interface TimeoutCallback extends Callback {
        void onTimeout(int timer, Pointer opaque);
    }

    int virGetVersion(LongByReference libVersion, @Nullable String type, @Nullable Pointer typeVersion);

    @Nullable Pointer virGetLastError();

    int virEventAddTimeout(int millis, TimeoutCallback callback, @Nullable Pointer opaque, @Nullable Pointer free);

    void virEventUpdateTimeout(int timer, int millis);

    int virConnectRegisterCloseCallback(
            Pointer connection, CloseCallback callback, @Nullable Pointer opaque, @Nullable Pointer free);

    int virConnectUnregisterCloseCallback(Pointer connection, CloseCallback callback);

    int virConnectDomainEventRegisterAny(
            Pointer connection,
            @Nullable Pointer domain,
            int eventId,
            Callback callback,
            @Nullable Pointer opaque,
            @Nullable Pointer free);

    int virConnectDomainEventDeregisterAny(Pointer connection, int callbackId);

    @Nullable Pointer virConnectGetDomainCapabilities(
            Pointer connection,
            @Nullable String emulator,
            @Nullable String arch,
            @Nullable String machine,
            @Nullable String virtType,
            int flags);

    int virConnectListAllDomains(Pointer connection, PointerByReference domains, int flags);

    int virConnectGetAllDomainStats(Pointer connection, int stats, PointerByReference records, int flags);

    void virDomainStatsRecordListFree(Pointer records);

    int virConnectListAllNetworks(Pointer connection, PointerByReference networks, int flags);

    int virConnectListAllNWFilters(Pointer connection, PointerByReference filters, int flags);

    int virConnectListAllStoragePools(Pointer connection, PointerByReference pools, int flags);

    @Nullable Pointer virDomainCreateXML(Pointer connection, String xml, int flags);

    @Nullable Pointer virDomainLookupByUUIDString(Pointer connection, String uuid);

    @Nullable Pointer virDomainLookupByName(Pointer connection, String name);

    int virDomainFree(Pointer domain);

    String virDomainGetName(Pointer domain);

    int virDomainGetUUIDString(Pointer domain, byte[] buffer);

    int virDomainResume(Pointer domain);

    int virDomainSetInterfaceParameters(Pointer domain, String device, Pointer parameters, int count, int flags);

    int virTypedParamsAddUInt(
            PointerByReference parameters, IntByReference count, IntByReference capacity, String name, int value);

    void virTypedParamsFree(Pointer parameters, int count);

    int virDomainSuspend(Pointer domain);

    int virDomainDestroy(Pointer domain);

    @Nullable Pointer virDomainSnapshotCreateXML(Pointer domain, String xml, int flags);

    int virDomainSnapshotFree(Pointer snapshot);

    @Nullable Pointer virDomainSaveImageGetXMLDesc(Pointer connection, String file, int flags);

    int virDomainRestoreFlags(Pointer connection, String from, String xml, int flags);

    int virDomainUndefineFlags(Pointer domain, int flags);

    int virDomainGetState(Pointer domain, IntByReference state, IntByReference reason, int flags);

    @Nullable Pointer virDomainGetXMLDesc(Pointer domain, int flags);

    @Nullable Pointer virDomainGetMetadata(Pointer domain, int type, String uri, int flags);

    int virDomainSetMetadata(Pointer domain, int type, @Nullable String metadata, String key, String uri, int flags);

    int virDomainAgentSetResponseTimeout(Pointer domain, int timeout, int flags);

    int virDomainOpenConsole(Pointer domain, @Nullable String device, Pointer stream, int flags);

    int virDomainOpenChannel(Pointer domain, @Nullable String name, Pointer stream, int flags);

    @Nullable Pointer virStreamNew(Pointer connection, int flags);

    int virStreamFree(Pointer stream);

    int virStreamAbort(Pointer stream);

    int virStreamFinish(Pointer stream);

    int virStreamRecv(Pointer stream, Pointer buffer, NativeSize size);

    int virStreamSend(Pointer stream, Pointer buffer, NativeSize size);

    int virStreamEventAddCallback(
            Pointer stream, int events, StreamCallback callback, @Nullable Pointer opaque, @Nullable Pointer free);

    int virStreamEventUpdateCallback(Pointer stream, int events);

    int virStreamEventRemoveCallback(Pointer stream);

    @Nullable Pointer virNetworkLookupByName(Pointer connection, String name);

    @Nullable Pointer virNetworkDefineXMLFlags(Pointer connection, String xml, int flags);

    int virNetworkFree(Pointer network);

    String virNetworkGetName(Pointer network);

    int virNetworkGetUUIDString(Pointer network, byte[] buffer);

    int virNetworkIsActive(Pointer network);

    int virNetworkIsPersistent(Pointer network);

    int virNetworkCreate(Pointer network);

    int virNetworkSetAutostart(Pointer network, int autostart);

    @Nullable Pointer virNetworkGetXMLDesc(Pointer network, int flags);

    int virNetworkUpdate(Pointer network, int command, int section, int parentIndex, String xml, int flags);

    int virNetworkDestroy(Pointer network);

    int virNetworkUndefine(Pointer network);

    int virNetworkGetDHCPLeases(Pointer network, @Nullable String mac, PointerByReference leases, int flags);

    void virNetworkDHCPLeaseFree(Pointer lease);

    @Nullable Pointer virNWFilterLookupByName(Pointer connection, String name);

    @Nullable Pointer virNWFilterLookupByUUIDString(Pointer connection, String uuid);

    @Nullable Pointer virNWFilterDefineXMLFlags(Pointer connection, String xml, int flags);

    int virNWFilterFree(Pointer filter);

    String virNWFilterGetName(Pointer filter);

    int virNWFilterGetUUIDString(Pointer filter, byte[] buffer);

    @Nullable Pointer virNWFilterGetXMLDesc(Pointer filter, int flags);

    int virNWFilterUndefine(Pointer filter);

    @Nullable Pointer virNWFilterBindingLookupByPortDev(Pointer connection, String portDevice);

    int virNWFilterBindingFree(Pointer binding);

    String virNWFilterBindingGetPortDev(Pointer binding);

    String virNWFilterBindingGetFilterName(Pointer binding);

    @Nullable Pointer virNWFilterBindingGetXMLDesc(Pointer binding, int flags);

    @Nullable Pointer virStoragePoolLookupByName(Pointer connection, String name);

    @Nullable Pointer virStoragePoolDefineXML(Pointer connection, String xml, int flags);

    int virStoragePoolFree(Pointer pool);

    String virStoragePoolGetName(Pointer pool);

    int virStoragePoolGetUUIDString(Pointer pool, byte[] buffer);

    int virStoragePoolIsActive(Pointer pool);

    int virStoragePoolBuild(Pointer pool, int flags);

    int virStoragePoolCreate(Pointer pool, int flags);

    int virStoragePoolSetAutostart(Pointer pool, int autostart);

    int virStoragePoolRefresh(Pointer pool, int flags);

    @Nullable Pointer virStoragePoolGetXMLDesc(Pointer pool, int flags);

    int virStoragePoolDestroy(Pointer pool);

    int virStoragePoolUndefine(Pointer pool);

    int virStoragePoolListAllVolumes(Pointer pool, PointerByReference volumes, int flags);

    @Nullable Pointer virStorageVolCreateXML(Pointer pool, String xml, int flags);

    @Nullable Pointer virStorageVolLookupByName(Pointer pool, String name);

    int virStorageVolFree(Pointer volume);

    String virStorageVolGetName(Pointer volume);

    @Nullable Pointer virStorageVolGetPath(Pointer volume);

    @Nullable Pointer virStorageVolGetXMLDesc(Pointer volume, int flags);

    int virStorageVolDelete(Pointer volume, int flags);

    int virStorageVolUpload(Pointer volume, Pointer stream, long offset, long length, int flags);
}
