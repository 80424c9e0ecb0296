package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.HashMap;
import java.util.Map;

/** {@code struct _virTypedParameter} of libvirt-common.h: a name of 80 bytes, a type, and a value of 8 bytes. */
final class TypedParameters {
    private static final int NAME_SIZE = 80;
    private static final int VALUE_OFFSET = 88;
    private static final int SIZE = 96;

    private static final int INT = 1;
    private static final int UINT = 2;
    private static final int LLONG = 3;
    private static final int ULLONG = 4;

    private TypedParameters() {}

    /** The whole numbers among them by their names; one above the range of long is left out. */
    static Map<String, Long> wholeNumbers(Pointer parameters, int count) {
        Map<String, Long> numbers = new HashMap<>();
        for (int i = 0; i < count; i++) {
            Pointer one = parameters.share((long) SIZE * i);
            String name = Native.toString(one.getByteArray(0, NAME_SIZE), "UTF-8");
            switch (one.getInt(NAME_SIZE)) {
                case INT -> numbers.put(name, (long) one.getInt(VALUE_OFFSET));
                case UINT -> numbers.put(name, Integer.toUnsignedLong(one.getInt(VALUE_OFFSET)));
                case LLONG -> numbers.put(name, one.getLong(VALUE_OFFSET));
                case ULLONG -> {
                    if (one.getLong(VALUE_OFFSET) >= 0) {
                        numbers.put(name, one.getLong(VALUE_OFFSET));
                    }
                }
                default -> {
                    // A fraction, a truth value or a text.
                }
            }
        }
        return numbers;
    }
}
