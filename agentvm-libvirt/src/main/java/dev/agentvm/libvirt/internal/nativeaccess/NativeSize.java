package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.IntegerType;
import com.sun.jna.Native;

/** {@code size_t}. */
public final class NativeSize extends IntegerType {
    private static final long serialVersionUID = 1L;

    /** For JNA. */
    public NativeSize() {
        this(0);
    }

    NativeSize(long value) {
        super(Native.SIZE_T_SIZE, value, true);
    }
}
