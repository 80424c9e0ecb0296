package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.LibvirtError;
import dev.agentvm.libvirt.internal.nativeaccess.NativeConnection;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/** Calls of one view over one lane, and the shapes that most of them have. */
final class Calls {
    private final Lane lane;
    private final Scope scope;

    Calls(Lane lane, Scope scope) {
        this.lane = lane;
        this.scope = scope;
    }

    /** For a call that changes something. */
    <T> T get(Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return lane.call(scope, operation, body);
    }

    /** For a call that changes something. */
    void run(Errors.Operation operation, Consumer<? super NativeConnection> body) {
        get(operation, connection -> {
            body.accept(connection);
            return true;
        });
    }

    /** For a call that changes something: whether it was done, which it was not if libvirt says one of {@code absent}. */
    boolean done(Errors.Operation operation, Consumer<? super NativeConnection> body, int... absent) {
        return get(operation, connection -> {
            try {
                body.accept(connection);
                return true;
            } catch (LibvirtError e) {
                if (e.is(absent)) {
                    return false;
                }
                throw e;
            }
        });
    }

    /** For a call that changes nothing. */
    <T> T read(Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return lane.read(scope, operation, body);
    }

    /** For a call that changes nothing: empty if libvirt says one of {@code absent}. */
    <T> Optional<T> find(Errors.Operation operation, Function<? super NativeConnection, T> body, int... absent) {
        return read(operation, connection -> {
            try {
                return Optional.of(body.apply(connection));
            } catch (LibvirtError e) {
                if (e.is(absent)) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }
}
