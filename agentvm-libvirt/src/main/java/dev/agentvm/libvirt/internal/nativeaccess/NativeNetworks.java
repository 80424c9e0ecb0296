package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.check;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.take;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.takeList;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Networks: each call looks its network up, uses it and frees it. */
public final class NativeNetworks {
    private static final int DEFINE_VALIDATE = 1;
    private static final int XML_INACTIVE = 1;
    private static final int SECTION_IP_DHCP_HOST = 4;
    private static final int FIRST_IP = -1;
    private static final int AFFECT_LIVE = 1;
    private static final int AFFECT_CONFIG = 1 << 1;

    private final Pointer connection;

    NativeNetworks(Pointer connection) {
        this.connection = connection;
    }

    /** Makes a value of a network. */
    public interface Reader<T> {
        T of(String name, UUID uuid, boolean active, boolean persistent);
    }

    /** Makes a value of a lease; null is what is not known. */
    public interface LeaseReader<T> {
        T of(@Nullable String mac, @Nullable String address, @Nullable String hostname, long expires);
    }

    /** Finds a network by its name. */
    public <T> T byName(String name, Reader<T> reader) {
        return with(name, n -> read(n, reader));
    }

    /** {@code virConnectListAllNetworks}. */
    public <T> List<T> list(Reader<T> reader) {
        return takeList(
                array -> Virt.INSTANCE.virConnectListAllNetworks(connection, array, 0),
                n -> read(n, reader),
                Virt.INSTANCE::virNetworkFree);
    }

    /** {@code virNetworkDefineXMLFlags} with VALIDATE. */
    public <T> T define(String xml, Reader<T> reader) {
        return using(Virt.INSTANCE.virNetworkDefineXMLFlags(connection, xml, DEFINE_VALIDATE), n -> read(n, reader));
    }

    /** Whether the network is active. */
    public boolean active(String name) {
        return with(name, n -> check(Virt.INSTANCE.virNetworkIsActive(n)) == 1);
    }

    /** {@code virNetworkCreate}. */
    public void start(String name) {
        with(name, n -> check(Virt.INSTANCE.virNetworkCreate(n)));
    }

    /** {@code virNetworkSetAutostart}. */
    public void setAutostart(String name, boolean autostart) {
        with(name, n -> check(Virt.INSTANCE.virNetworkSetAutostart(n, autostart ? 1 : 0)));
    }

    /** {@code virNetworkGetXMLDesc}. */
    public String xml(String name, boolean inactive) {
        return with(name, n -> take(Virt.INSTANCE.virNetworkGetXMLDesc(n, inactive ? XML_INACTIVE : 0)));
    }

    /** {@code virNetworkUpdate} of a DHCP host in the first {@code <ip>}, in all the states that the network has. */
    public void updateDhcpHost(String name, int command, String xml) {
        with(name, n -> {
            int flags = (check(Virt.INSTANCE.virNetworkIsActive(n)) == 1 ? AFFECT_LIVE : 0)
                    | (check(Virt.INSTANCE.virNetworkIsPersistent(n)) == 1 ? AFFECT_CONFIG : 0);
            return check(Virt.INSTANCE.virNetworkUpdate(n, command, SECTION_IP_DHCP_HOST, FIRST_IP, xml, flags));
        });
    }

    /** {@code virNetworkDestroy}. */
    public void destroy(String name) {
        with(name, n -> check(Virt.INSTANCE.virNetworkDestroy(n)));
    }

    /** {@code virNetworkUndefine}. */
    public void undefine(String name) {
        with(name, n -> check(Virt.INSTANCE.virNetworkUndefine(n)));
    }

    /** {@code virNetworkGetDHCPLeases}. */
    public <T> List<T> leases(String name, LeaseReader<T> reader) {
        return with(
                name,
                n -> takeList(
                        array -> Virt.INSTANCE.virNetworkGetDHCPLeases(n, null, array, 0),
                        lease -> Lease.read(lease, reader),
                        Virt.INSTANCE::virNetworkDHCPLeaseFree));
    }

    private static <T> T read(Pointer network, Reader<T> reader) {
        return reader.of(
                Virt.INSTANCE.virNetworkGetName(network),
                Memories.uuid(network, Virt.INSTANCE::virNetworkGetUUIDString),
                check(Virt.INSTANCE.virNetworkIsActive(network)) == 1,
                check(Virt.INSTANCE.virNetworkIsPersistent(network)) == 1);
    }

    private <T> T with(String name, Function<Pointer, T> call) {
        return using(Virt.INSTANCE.virNetworkLookupByName(connection, name), call);
    }

    private static <T> T using(@Nullable Pointer network, Function<Pointer, T> call) {
        Pointer present = check(network);
        try {
            return call.apply(present);
        } finally {
            Virt.INSTANCE.virNetworkFree(present);
        }
    }

    /** {@code struct _virNetworkDHCPLease}. */
    private static final class Lease {
        private static final int EXPIRY = 8;
        private static final int MAC = 24;
        private static final int IP_ADDRESS = 40;
        private static final int HOSTNAME = 56;

        static <T> T read(Pointer lease, LeaseReader<T> reader) {
            return reader.of(
                    string(lease, MAC), string(lease, IP_ADDRESS), string(lease, HOSTNAME), lease.getLong(EXPIRY));
        }

        private static @Nullable String string(Pointer lease, int offset) {
            Pointer string = lease.getPointer(offset);
            return string == null ? null : string.getString(0, "UTF-8");
        }
    }
}
