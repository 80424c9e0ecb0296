package dev.agentvm.libvirt;

import dev.agentvm.Accelerator;
import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchStep;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.internal.domain.LibvirtHost;
import dev.agentvm.libvirt.internal.domain.Settings;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.testkit.HypervisorContract;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.libvirt.Connect;
import org.libvirt.LibvirtException;
import org.libvirt.StoragePool;

/**
 * libvirt's built-in test driver keeps the contract as far as it goes: it has pools and volumes, so that launches come as
 * far as the VM's disk and are undone. It has no network filters; it creates no domain that is tied to its connection,
 * runs no guest and has no agent.
 */
class LibvirtTestDriverContractTest extends HypervisorContract {
    private static final String URI = "test:///default";

    @TempDir
    Path directory;

    private final List<Hypervisor> opened = new ArrayList<>();

    @BeforeEach
    void makeImage() throws IOException {
        Path image = Files.createDirectories(directory.resolve("images/default"));
        Files.writeString(image.resolve("image.properties"), "kernel=vmlinuz\n");
        Files.writeString(image.resolve("vmlinuz"), "no kernel");
    }

    @AfterEach
    void closeAll() {
        opened.forEach(Hypervisor::close);
    }

    @Override
    protected Set<Ability> inabilities() {
        return EnumSet.of(Ability.NETWORK, Ability.LAUNCH);
    }

    @Override
    protected Hypervisor connect(MetricsSink metrics) {
        // The builder refuses every libvirt that cannot filter.
        Hypervisor hypervisor = LibvirtHost.open(new Settings(
                URI,
                directory.resolve("state"),
                true,
                directory.resolve("images"),
                pool(),
                directory.resolve("pool"),
                NetworkSettings.standard(),
                Optional.of(Accelerator.TCG),
                false,
                Duration.ofSeconds(10),
                directory.resolve("flowlog.sock"),
                List.of(),
                metrics,
                Clock.systemUTC()));
        opened.add(hypervisor);
        return hypervisor;
    }

    /** The driver's pools outlast the test whose directory they are in. */
    private String pool() {
        return "pool-" + directory.getFileName();
    }

    @Override
    protected VMTemplate template(String name) {
        return new VMTemplate.Builder()
                .name(name)
                .networkMode(NetworkMode.ISOLATED)
                .build();
    }

    @Override
    protected VMTemplate templateWithoutAgent(String name) {
        throw new UnsupportedOperationException("no guest runs");
    }

    @Override
    protected void launchInProgramThatDies(VMTemplate template, LaunchStep step) {
        throw new UnsupportedOperationException("what this driver has is in this process alone");
    }

    @Override
    protected Command attempt(String address, int port) {
        throw new UnsupportedOperationException("no guest runs");
    }

    @Override
    protected List<String> leftovers() {
        List<String> all = new ArrayList<>();
        try {
            Connect connection = new Connect(URI);
            try {
                for (int domain : connection.listDomains()) {
                    all.add("domain " + connection.domainLookupByID(domain).getName());
                }
                if (Arrays.asList(connection.listStoragePools()).contains(pool())) {
                    StoragePool pool = connection.storagePoolLookupByName(pool());
                    Arrays.stream(pool.listVolumes()).forEach(volume -> all.add("disk " + volume));
                }
            } finally {
                connection.close();
            }
        } catch (LibvirtException e) {
            throw new IllegalStateException(e);
        }
        Path launches = directory.resolve("state/launches");
        if (Files.isDirectory(launches)) {
            try (Stream<Path> journals = Files.list(launches)) {
                journals.forEach(journal -> all.add("journal " + journal));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return all;
    }
}
