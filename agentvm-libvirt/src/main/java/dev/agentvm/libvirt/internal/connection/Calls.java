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

    <T> T get(Errors.Operation operation, Function<? super NativeConnection, T> body) {
        return lane.call(scope, operation, body);
    }

    void run(Errors.Operation operation, Consumer<? super NativeConnection> body) {
        get(operation, done(body));
    }

    /** Empty if libvirt says one of {@code absent}. */
    <T> Optional<T> find(Errors.Operation operation, Function<? super NativeConnection, T> body, int... absent) {
        return get(operation, connection -> {
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

    /** Whether it was done: not if libvirt says one of {@code absent}. */
    boolean done(Errors.Operation operation, Consumer<? super NativeConnection> body, int... absent) {
        return find(operation, done(body), absent).isPresent();
    }

    private static Function<NativeConnection, Boolean> done(Consumer<? super NativeConnection> body) {
        return connection -> {
            body.accept(connection);
            return true;
        };
    }
}
