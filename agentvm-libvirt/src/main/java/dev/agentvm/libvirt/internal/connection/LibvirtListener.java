package dev.agentvm.libvirt.internal.connection;

/** Hears of domains and of the connection; see {@link Libvirt#addListener} for the thread. */
@FunctionalInterface
public interface LibvirtListener {
    /** Something happened. What this throws is logged and goes no further. */
    void onEvent(LibvirtEvent event);
}
