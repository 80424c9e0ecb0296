package dev.agentvm.libvirt.internal.nativeaccess;

import static dev.agentvm.libvirt.internal.nativeaccess.Memories.check;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.take;
import static dev.agentvm.libvirt.internal.nativeaccess.Memories.takeList;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Network filters and bindings: each call looks its object up, uses it and frees it. */
public final class NativeFilters {
    private static final int DEFINE_VALIDATE = 1;

    private final Pointer connection;

    NativeFilters(Pointer connection) {
        this.connection = connection;
    }

    /** Makes a value of a binding. */
    public interface BindingReader<T> {
        T of(String portDevice, String filterName, String xml);
    }

    /** {@code virNWFilterDefineXMLFlags} with VALIDATE. */
    public <T> T define(String xml, BiFunction<String, UUID, T> reader) {
        return using(Virt.INSTANCE.virNWFilterDefineXMLFlags(connection, xml, DEFINE_VALIDATE), f -> read(f, reader));
    }

    /** Finds a filter by its name. */
    public <T> T byName(String name, BiFunction<String, UUID, T> reader) {
        return using(Virt.INSTANCE.virNWFilterLookupByName(connection, name), f -> read(f, reader));
    }

    /** Finds a filter by its UUID. */
    public <T> T byUuid(UUID uuid, BiFunction<String, UUID, T> reader) {
        return using(Virt.INSTANCE.virNWFilterLookupByUUIDString(connection, uuid.toString()), f -> read(f, reader));
    }

    /** {@code virNWFilterGetXMLDesc}. */
    public String xml(String name) {
        return using(
                Virt.INSTANCE.virNWFilterLookupByName(connection, name),
                f -> take(Virt.INSTANCE.virNWFilterGetXMLDesc(f, 0)));
    }

    /** {@code virConnectListAllNWFilters}: the names. */
    public List<String> list() {
        return takeList(
                array -> Virt.INSTANCE.virConnectListAllNWFilters(connection, array, 0),
                Virt.INSTANCE::virNWFilterGetName,
                Virt.INSTANCE::virNWFilterFree);
    }

    /** {@code virNWFilterUndefine}. */
    public void undefine(String name) {
        using(
                Virt.INSTANCE.virNWFilterLookupByName(connection, name),
                f -> check(Virt.INSTANCE.virNWFilterUndefine(f)));
    }

    /** {@code virNWFilterBindingLookupByPortDev}. */
    public <T> T binding(String portDevice, BindingReader<T> reader) {
        Pointer binding = check(Virt.INSTANCE.virNWFilterBindingLookupByPortDev(connection, portDevice));
        try {
            return reader.of(
                    Virt.INSTANCE.virNWFilterBindingGetPortDev(binding),
                    Virt.INSTANCE.virNWFilterBindingGetFilterName(binding),
                    take(Virt.INSTANCE.virNWFilterBindingGetXMLDesc(binding, 0)));
        } finally {
            Virt.INSTANCE.virNWFilterBindingFree(binding);
        }
    }

    private static <T> T read(Pointer filter, BiFunction<String, UUID, T> reader) {
        return reader.apply(
                Virt.INSTANCE.virNWFilterGetName(filter),
                Memories.uuid(filter, Virt.INSTANCE::virNWFilterGetUUIDString));
    }

    private static <T> T using(@Nullable Pointer filter, Function<Pointer, T> call) {
        Pointer present = check(filter);
        try {
            return call.apply(present);
        } finally {
            Virt.INSTANCE.virNWFilterFree(present);
        }
    }
}
