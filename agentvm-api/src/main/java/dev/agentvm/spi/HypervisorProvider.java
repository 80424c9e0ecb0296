package dev.agentvm.spi;

import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * An implementation of {@link Hypervisor} that {@link ServiceLoader} finds, so that a program or the testkit can use one
 * without depending on it. {@code agentvm-libvirt} brings one along. Implementations are safe for use by many threads.
 */
public interface HypervisorProvider {
    /** What it is called in messages, such as {@code libvirt}. */
    String name();

    /**
     * Why this host cannot run VMs, each cause with its remedy; empty if it can. It is looked at anew by each call, which
     * may take seconds.
     */
    Optional<String> inability();

    /**
     * Connects with all defaults. The caller closes what it gets.
     *
     * @throws HypervisorUnavailableException if it cannot be reached
     */
    Hypervisor connect();

    /**
     * The implementation that is at hand: what the thread's context class loader sees, or, if that sees none, what the
     * loader of this library sees.
     *
     * @return the implementation, or empty if there is none
     * @throws HypervisorUnavailableException if there are several, all of which it names, or if one cannot be loaded
     */
    static Optional<HypervisorProvider> find() {
        ClassLoader context = Thread.currentThread().getContextClassLoader();
        Optional<HypervisorProvider> found = context == null ? Optional.empty() : find(context);
        return found.or(() -> find(HypervisorProvider.class.getClassLoader()));
    }

    private static Optional<HypervisorProvider> find(ClassLoader loader) {
        List<HypervisorProvider> found;
        try {
            found = ServiceLoader.load(HypervisorProvider.class, loader).stream()
                    .map(ServiceLoader.Provider::get)
                    .toList();
        } catch (ServiceConfigurationError e) {
            throw new HypervisorUnavailableException(
                    "A hypervisor provider is declared but cannot be loaded: " + e.getMessage(),
                    FailureContext.of("find a hypervisor provider"),
                    e);
        }
        if (found.size() > 1) {
            throw new HypervisorUnavailableException(
                    "There are several hypervisor providers, and nothing says which is meant: "
                            + found.stream()
                                    .map(provider -> provider.name() + " ("
                                            + provider.getClass().getName() + ")")
                                    .collect(Collectors.joining(", "))
                            + ". Leave one of them on the class path",
                    FailureContext.of("find a hypervisor provider"));
        }
        return found.stream().findFirst();
    }
}
