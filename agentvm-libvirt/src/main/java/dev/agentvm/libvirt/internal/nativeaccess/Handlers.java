package dev.agentvm.libvirt.internal.nativeaccess;

import com.sun.jna.Pointer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the handler of a callback by the number that libvirt hands back as its {@code opaque}. So the native callbacks
 * themselves can be static, and are never collected while libvirt might still call them; one that comes after its
 * handler was removed does nothing.
 */
final class Handlers<T> {
    private static final Logger LOG = LoggerFactory.getLogger(Handlers.class);
    private static final AtomicLong NEXT = new AtomicLong(1);

    private final Map<Long, T> handlers = new ConcurrentHashMap<>();

    long add(T handler) {
        long key = NEXT.getAndIncrement();
        handlers.put(key, handler);
        return key;
    }

    void remove(long key) {
        handlers.remove(key);
    }

    static Pointer opaque(long key) {
        return new Pointer(key);
    }

    /** Nothing may be thrown into C. */
    void call(@Nullable Pointer opaque, Consumer<T> action) {
        T handler = handlers.get(Pointer.nativeValue(opaque));
        if (handler == null) {
            return;
        }
        try {
            action.accept(handler);
        } catch (RuntimeException | Error e) {
            LOG.warn("A libvirt callback failed", e);
        }
    }
}
