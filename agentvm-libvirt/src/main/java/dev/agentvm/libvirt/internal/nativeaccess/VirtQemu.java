package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Functions of libvirt-qemu.so, as {@link Virt}. */
interface VirtQemu extends Library {
    VirtQemu INSTANCE = Native.load("virt-qemu", VirtQemu.class, Map.of(OPTION_STRING_ENCODING, "UTF-8"));

    @Nullable Pointer virDomainQemuAgentCommand(Pointer domain, String command, int timeoutSeconds, int flags);
}
