package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Checks results, and takes over what libvirt allocated for the caller. */
final class Memories {
    private static final int UUID_STRING = 37;

    private Memories() {}

    static int check(int result) {
        if (result < 0) {
            throw LibvirtError.last();
        }
        return result;
    }

    static Pointer check(@Nullable Pointer result) {
        if (result == null) {
            throw LibvirtError.last();
        }
        return result;
    }

    /** Copies and frees a string that is ours. */
    static String take(@Nullable Pointer string) {
        Pointer present = check(string);
        try {
            return present.getString(0, "UTF-8");
        } finally {
            free(present);
        }
    }

    /** Reads an array of objects that is ours, frees each and the array, whatever happens between. */
    static <T> List<T> takeList(
            ToIntFunction<PointerByReference> call, Function<Pointer, T> read, Consumer<Pointer> freeOne) {
        PointerByReference array = new PointerByReference();
        int count = check(call.applyAsInt(array));
        Pointer first = array.getValue();
        if (first == null) {
            return List.of();
        }
        List<T> values = new ArrayList<>(count);
        int next = 0;
        try {
            for (; next < count; next++) {
                Pointer object = first.getPointer((long) next * Native.POINTER_SIZE);
                try {
                    values.add(read.apply(object));
                } finally {
                    freeOne.accept(object);
                }
            }
        } finally {
            for (next++; next < count; next++) {
                freeOne.accept(first.getPointer((long) next * Native.POINTER_SIZE));
            }
            free(first);
        }
        return values;
    }

    static UUID uuid(Pointer object, UuidReader reader) {
        byte[] buffer = new byte[UUID_STRING];
        check(reader.read(object, buffer));
        return UUID.fromString(new String(buffer, 0, UUID_STRING - 1, StandardCharsets.US_ASCII));
    }

    /** A {@code vir…GetUUIDString}. */
    interface UuidReader {
        int read(Pointer object, byte[] buffer);
    }

    private static void free(Pointer memory) {
        Native.free(Pointer.nativeValue(memory));
    }
}
