package dev.agentvm.libvirt;

import dev.agentvm.Accelerator;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.Images;
import dev.agentvm.InvalidValueException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import dev.agentvm.libvirt.internal.domain.LibvirtHost;
import dev.agentvm.libvirt.internal.domain.Settings;
import dev.agentvm.libvirt.internal.network.HostProbe;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * VMs on a libvirt of this host, with QEMU and KVM. Safe for use by many threads.
 *
 * <p>It needs {@code qemu:///system}: only there can libvirt filter a VM's traffic.
 */
public final class LibvirtHypervisor implements Hypervisor {
    private final LibvirtHost host;

    private LibvirtHypervisor(LibvirtHost host) {
        this.host = host;
    }

    /**
     * Connects to {@code qemu:///system} with all defaults.
     *
     * @throws HypervisorUnavailableException if it cannot be reached; the message says what was tried and what to
     *     install or grant
     */
    public static LibvirtHypervisor connect() {
        return new Builder().connect();
    }

    @Override
    public VM launch(VMTemplate template, LaunchOptions options) {
        return host.launch(template, options);
    }

    @Override
    public Optional<VM> find(String name) {
        return host.find(name);
    }

    @Override
    public List<VM> list() {
        return host.list();
    }

    @Override
    public Images images() {
        return host.images();
    }

    @Override
    public VMEvents events() {
        return host.events();
    }

    @Override
    public ReapReport reap(boolean dryRun) {
        return host.reap(dryRun);
    }

    @Override
    public void close() {
        host.close();
    }

    /**
     * Says how to connect. Paths are absolute; what is not as a method says is an {@link InvalidValueException}. Not
     * thread-safe.
     */
    public static final class Builder {
        /** Names what runs guests, {@code kvm} or {@code tcg}, where the builder does not say. */
        public static final String ACCELERATOR_VARIABLE = "AGENTVM_ACCELERATOR";

        private String uri = "qemu:///system";
        private Path stateDirectory = defaultStateDirectory();
        private Path imageDirectory = Path.of("/var/lib/agentvm/images");
        private String storagePool = "agentvm";
        private Path storageDirectory = Path.of("/var/lib/libvirt/agentvm");
        private NetworkSettings network = NetworkSettings.standard();
        private @Nullable Accelerator accelerator;
        private boolean confinement;
        private boolean reaping = true;
        private boolean launching = true;
        private Duration sampling = Duration.ofSeconds(10);
        private Path flowLogSocket = HostView.FLOW_LOG_SOCKET;
        private final List<VMEventListener> listeners = new ArrayList<>();
        private MetricsSink metrics = MetricsSink.none();

        /** Starts with all defaults. */
        public Builder() {}

        /**
         * libvirt's connection URI; {@code qemu:///system} if not said.
         *
         * @param value the system's libvirt on this host: {@code qemu:///system}, or
         *     {@code qemu+unix:///system?socket=PATH}. Images are read, and the host's addresses and settings looked at,
         *     where the program runs, so the libvirt of another host is refused; so is a session's, which cannot filter
         * @throws InvalidValueException for any other
         */
        public Builder uri(String value) {
            ConnectionUri.flaw(value).ifPresent(flaw -> {
                throw new InvalidValueException("uri", value, flaw);
            });
            uri = value;
            return this;
        }

        /**
         * Where launches are written down, so that a later program can remove what one that died has left. Programs that
         * share it remove each other's remains. {@code /var/lib/agentvm} for root, else {@code agentvm} below
         * {@code $XDG_STATE_HOME} or {@code ~/.local/state}, if not said.
         */
        public Builder stateDirectory(Path value) {
            stateDirectory = absolute("stateDirectory", value);
            return this;
        }

        /** Where named images are; {@code /var/lib/agentvm/images} if not said. */
        public Builder imageDirectory(Path value) {
            imageDirectory = absolute("imageDirectory", value);
            return this;
        }

        /**
         * The libvirt storage pool of the VMs' disks, which is made if it is not there; {@code agentvm} at
         * {@code /var/lib/libvirt/agentvm} if not said. On a tmpfs, what VMs write takes the host's memory, up to the
         * size of each one's disk. If there is one of that name that lies elsewhere, launches are refused.
         *
         * @param name its name, letters, digits, _ . -
         * @param directory where its files lie
         */
        public Builder storagePool(String name, Path directory) {
            if (!name.matches("[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")) {
                throw new InvalidValueException(
                        "storagePool",
                        name,
                        "must be 1 to 61 characters of A-Z a-z 0-9 _ . -, not beginning with one of _ . -");
            }
            storagePool = name;
            storageDirectory = absolute("storagePool", directory);
            return this;
        }

        /**
         * The libvirt network of the VMs, which is made at first use and kept; {@code agentvm} if not said.
         *
         * @param name a lower-case letter, then up to 12 of a-z 0-9 -; its bridge has that name with a 0 behind it
         */
        public Builder network(String name) {
            network = network.withName(name);
            return this;
        }

        /**
         * The private addresses of that network, from a /28 to a /22 within 10/8, 172.16/12, 192.168/16 or 100.64/10; a
         * free /24 from 192.168.101.0/24 on if not said. A launch is refused if something else on the host uses them.
         */
        public Builder subnet(Cidr addresses) {
            network = network.withSubnet(addresses);
            return this;
        }

        /** The IPv4 addresses of the name servers that the network's resolver asks; those of the host if not said. */
        public Builder resolvers(String... addresses) {
            network = network.withResolvers(
                    Arrays.stream(addresses).map(IPv4Address::of).toList());
            return this;
        }

        /**
         * The domains that VMs may look up, with all their subdomains; all if not said. All other names do not exist for
         * them. It needs {@link #resolvers}, which are asked for these domains. The list belongs to the network: programs
         * with different lists need networks of different names ({@link #network}), and a launch is refused while VMs use
         * the network with another list.
         *
         * <p>It is a filter of names and not more: a VM may still connect to any public address on the open ports, whoever
         * tells it the address, and may ask a public resolver for any name over HTTPS.
         *
         * @param domains such as {@code example.com}: labels of letters, digits and hyphens with dots between them, at most
         *     253 characters, names in other scripts as {@link java.net.IDN#toASCII} writes them; at most 1000
         * @throws InvalidValueException if one is not such a domain, or there are none
         */
        public Builder resolvableDomains(String... domains) {
            if (domains.length == 0) {
                throw new InvalidValueException(
                        "resolvableDomains",
                        "[]",
                        "must name at least one domain; to resolve nothing, use a policy without name resolution");
            }
            network = network.withDomains(List.of(domains));
            return this;
        }

        /**
         * What runs guests. If not said here nor in the environment variable {@value #ACCELERATOR_VARIABLE}: KVM where
         * libvirt offers it, else QEMU's emulation, of which each VM warns.
         */
        public Builder accelerator(Accelerator value) {
            accelerator = Objects.requireNonNull(value, "accelerator");
            return this;
        }

        /** Refuses to launch where QEMU is not confined by AppArmor or SELinux; else such a VM only warns. */
        public Builder requireConfinement() {
            confinement = true;
            return this;
        }

        /** Leaves it to {@link Hypervisor#reap}, or to another program, to remove what programs that died have left. */
        public Builder withoutReaping() {
            reaping = false;
            return this;
        }

        /** Is told of all that happens, as by {@link VMEvents#listen}, from before the first launch. */
        public Builder addListener(VMEventListener listener) {
            listeners.add(Objects.requireNonNull(listener, "listener"));
            return this;
        }

        /** Is given what is measured; nobody if not said. The traffic of VMs is then measured as if somebody listened. */
        public Builder metrics(MetricsSink sink) {
            metrics = Objects.requireNonNull(sink, "sink");
            return this;
        }

        /**
         * How often listeners are told what each VM has used ({@link dev.agentvm.event.TrafficSampled}), one second to one
         * hour; every ten seconds if not said. While nobody listens, nothing is measured.
         */
        public Builder samplingInterval(Duration value) {
            if (value.compareTo(Duration.ofSeconds(1)) < 0 || value.compareTo(Duration.ofHours(1)) > 0) {
                throw new InvalidValueException("samplingInterval", value, "must be from one second to one hour");
            }
            sampling = value;
            return this;
        }

        /**
         * Where the flow log service listens ({@link FlowLogService}); {@code /run/agentvm/flowlog.sock} if not said. It is
         * asked for what VMs do on their networks if this process may not open packet sockets and the service is there when
         * it connects.
         */
        public Builder flowLogSocket(Path value) {
            flowLogSocket = absolute("flowLogSocket", value);
            return this;
        }

        /**
         * Connects, and removes what programs that died have left unless that was {@linkplain #withoutReaping declined}.
         *
         * @throws HypervisorUnavailableException if libvirt cannot be reached; the message says what was tried and what
         *     to install or grant
         * @throws InvalidValueException if there are {@link #resolvableDomains} and no {@link #resolvers}
         */
        public LibvirtHypervisor connect() {
            Settings settings = settings();
            return new LibvirtHypervisor(reaping ? LibvirtHost.open(settings) : LibvirtHost.openAsIs(settings));
        }

        Settings settings() {
            network.requireComplete();
            return new Settings(
                    uri,
                    stateDirectory,
                    launching,
                    imageDirectory,
                    storagePool,
                    storageDirectory,
                    network,
                    demanded(),
                    confinement,
                    sampling,
                    flowLogSocket,
                    List.copyOf(listeners),
                    metrics,
                    Clock.systemUTC());
        }

        /** Makes nothing in the state directory, which may be another user's, and reaps only when it is told to. */
        Builder withoutLaunching() {
            launching = false;
            return withoutReaping();
        }

        String uri() {
            return uri;
        }

        HostView hostView() {
            return HostView.local(flowLogSocket);
        }

        /** What VMs of that template would need of the host. */
        HostProbe.Needs needs(VMTemplate template) {
            network.requireComplete();
            return new HostProbe.Needs(
                    template.networkMode(),
                    template.networkPolicy(),
                    template.bandwidth(),
                    network,
                    confinement,
                    demanded().equals(Optional.of(Accelerator.KVM)));
        }

        private Optional<Accelerator> demanded() {
            return Optional.ofNullable(accelerator).or(Builder::acceleratorOfEnvironment);
        }

        private static Optional<Accelerator> acceleratorOfEnvironment() {
            return Optional.ofNullable(System.getenv(ACCELERATOR_VARIABLE))
                    .filter(text -> !text.isBlank())
                    .map(text -> Arrays.stream(Accelerator.values())
                            .filter(value -> value.name().equals(text.strip().toUpperCase(Locale.ROOT)))
                            .findFirst()
                            .orElseThrow(
                                    () -> new InvalidValueException(ACCELERATOR_VARIABLE, text, "must be kvm or tcg")));
        }

        private static Path defaultStateDirectory() {
            if ("root".equals(System.getProperty("user.name"))) {
                return Path.of("/var/lib/agentvm");
            }
            String home = System.getenv("XDG_STATE_HOME");
            return (home == null || home.isBlank()
                            ? Path.of(System.getProperty("user.home"), ".local", "state")
                            : Path.of(home))
                    .resolve("agentvm")
                    .toAbsolutePath();
        }

        private static Path absolute(String field, Path value) {
            if (!value.isAbsolute()) {
                throw new InvalidValueException(field, value, "must be an absolute path");
            }
            return value.normalize();
        }
    }
}
