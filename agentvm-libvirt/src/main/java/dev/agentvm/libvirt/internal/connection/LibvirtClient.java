package dev.agentvm.libvirt.internal.connection;

import dev.agentvm.libvirt.internal.nativeaccess.NativeLibvirt;
import java.time.Duration;
import java.util.Optional;

/** A view of a {@link Core}. */
final class LibvirtClient implements Libvirt {
    private final Core core;
    private final Scope scope;

    private LibvirtClient(Core core, Scope scope) {
        this.core = core;
        this.scope = scope;
    }

    static Libvirt open(LibvirtOptions options) {
        Errors.Operation operation = new Errors.Operation("connect", null);
        Optional<Throwable> missing = NativeLibvirt.unavailable();
        if (missing.isPresent()) {
            throw Errors.failure(OpenFailure.noLibrary(missing.get()), operation);
        }
        Core core = new Core(options);
        Scope scope = new Scope(options.callTimeout(), Optional.empty());
        boolean opened = false;
        try {
            core.owner().run(scope, operation, () -> {
                core.ownerConnection().openFirst();
                return true;
            });
            opened = true;
        } finally {
            if (!opened) {
                core.close();
            }
        }
        return new LibvirtClient(core, scope);
    }

    @Override
    public Libvirt withTimeout(Duration timeout) {
        return new LibvirtClient(core, new Scope(timeout, scope.undo()));
    }

    @Override
    public Libvirt withUndo(Runnable undo) {
        return new LibvirtClient(core, new Scope(scope.timeout(), Optional.of(undo)));
    }

    @Override
    public HostFacts host() {
        return new HostCalls(core.control(), scope);
    }

    @Override
    public Domains domains() {
        return new DomainCalls(core, scope);
    }

    @Override
    public GuestAgents agents() {
        return new AgentCalls(core, scope);
    }

    @Override
    public Consoles consoles() {
        return new ConsoleCalls(core.consoles(), core.channels(), scope);
    }

    @Override
    public Networks networks() {
        return new NetworkCalls(core.control(), scope);
    }

    @Override
    public NetworkFilters filters() {
        return new FilterCalls(core.control(), scope);
    }

    @Override
    public StoragePools storage() {
        return new StorageCalls(core.control(), scope);
    }

    @Override
    public void addListener(LibvirtListener listener) {
        core.notifier().add(listener);
    }

    @Override
    public void removeListener(LibvirtListener listener) {
        core.notifier().remove(listener);
    }

    @Override
    public boolean connected() {
        return core.ownerConnection().connected();
    }

    @Override
    public void close() {
        core.close();
    }
}
