package dev.agentvm.libvirt.lab;

import dev.agentvm.Command;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.testkit.HypervisorContract;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/** Real guests keep the contract, and declare nothing that they cannot do. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LibvirtHypervisorContractIT extends HypervisorContract {
    private static final Path TINY = Path.of("/var/lib/agentvm/images/tiny");
    private static final String SHARED = "guest";

    private static @Nullable Hypervisor sharing;
    private static @Nullable VM shared;

    private final List<Hypervisor> opened = new ArrayList<>();

    @AfterEach
    void closeAll() {
        opened.forEach(Hypervisor::close);
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            hypervisor.list().stream().filter(vm -> !vm.name().equals(SHARED)).forEach(VM::destroy);
            hypervisor.reap();
        }
    }

    @AfterAll
    static void nothingIsLeft() {
        if (sharing != null) {
            sharing.close();
        }
        sharing = null;
        shared = null;
        Leftovers.assertNone();
    }

    @Override
    protected Hypervisor connect(MetricsSink metrics) {
        Hypervisor hypervisor = new LibvirtHypervisor.Builder().metrics(metrics).connect();
        opened.add(hypervisor);
        return hypervisor;
    }

    /** A test that ended it finds another. */
    @Override
    protected VM guest() {
        Hypervisor hypervisor = sharing == null ? LibvirtHypervisor.connect() : sharing;
        sharing = hypervisor;
        VM vm = shared == null || shared.endReason().isPresent() ? hypervisor.launch(guestTemplate()) : shared;
        shared = vm;
        return vm;
    }

    @Override
    protected VMTemplate template(String name) {
        return Lab.tiny(name);
    }

    @Override
    protected VMTemplate templateWithoutAgent(String name) {
        return Lab.tiny(name)
                .withImage(GuestImage.kernel(
                        TINY.resolve("vmlinuz"), TINY.resolve("initrd"), "console=ttyS0 rdinit=/bin/sleep -- 1000"));
    }

    @Override
    protected void launchInProgramThatDies(VMTemplate template, LaunchStep step) {
        try {
            DyingProgram.kill(Moment.valueOf(step.name()), template.name());
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected Command attempt(String address, int port) {
        // The agent may answer before the guest has its address.
        return Command.shell(
                "until ip route | grep -q default; do sleep 0.1; done; probe tcp " + address + " " + port + " 300");
    }

    /** As {@link WaitersIT}, whose long form is held to the second. */
    @Override
    protected Duration promptness() {
        return WaitersIT.SOON;
    }

    @Override
    protected List<String> leftovers() {
        return Leftovers.all();
    }
}
