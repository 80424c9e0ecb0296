package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.Accelerator;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.Resources;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.libvirt.internal.connection.CreateFlag;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.AgentLifecycle;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.DomainLifecycle;
import dev.agentvm.libvirt.internal.connection.LibvirtEvent.LifecycleType;
import dev.agentvm.libvirt.internal.connection.LibvirtOptions;
import dev.agentvm.libvirt.internal.domain.DomainPlan;
import dev.agentvm.libvirt.internal.domain.DomainRenderer;
import dev.agentvm.libvirt.internal.storage.ImageDirectory;
import dev.agentvm.libvirt.internal.storage.VMDisk;
import dev.agentvm.libvirt.internal.storage.Volume;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A tiny guest in the lab without a disk or a network, booted to its agent. */
final class LabGuest implements AutoCloseable {
    private final Libvirt libvirt = Libvirt.open(LibvirtOptions.of("qemu:///system"));
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final DomainRef domain;
    private final AgentChannel channel;
    private final GuestAgent agent;

    LabGuest() throws Exception {
        UUID id = UUID.randomUUID();
        Resources resources =
                new Resources.Builder().vcpus(2).memoryMiB(768).diskGiB(1).build();
        DomainXml xml = DomainRenderer.render(new DomainPlan(
                id,
                "guest-" + id,
                "kvm".equals(System.getenv("AGENTVM_ACCELERATOR")) ? Accelerator.KVM : Accelerator.TCG,
                true,
                resources,
                new ImageDirectory(Path.of("/var/lib/agentvm/images")).resolve(GuestImage.named("default")),
                new VMDisk(new Volume("none", "none", "/none"), Optional.empty()),
                0,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                "test",
                0,
                Map.of(),
                Instant.EPOCH,
                Optional.empty()));
        xml.devices.disks.clear();
        domain = new DomainRef(id, "guest-" + id);
        channel = new AgentChannel() {
            @Override
            public String call(String json, Duration timeout) {
                return call(json, timeout, reply -> {});
            }

            @Override
            public String call(String json, Duration timeout, Consumer<String> late) {
                return libvirt.agents().command(domain, json, timeout, late);
            }
        };
        agent = new GuestAgent(domain.name(), channel);
        libvirt.addListener(this::on);
        libvirt.domains().create(LibvirtXml.write(xml), Set.of(CreateFlag.AUTODESTROY, CreateFlag.VALIDATE));
        ready.get(60, TimeUnit.SECONDS);
    }

    private void on(LibvirtEvent event) {
        if (event instanceof AgentLifecycle change && change.domain().uuid().equals(domain.uuid())) {
            if (change.connected()) {
                ready.complete(null);
            }
        } else if (event instanceof DomainLifecycle change
                && change.domain().uuid().equals(domain.uuid())
                && change.type() == LifecycleType.STOPPED) {
            agent.fail(new VMDestroyedException(
                    "VM " + domain.name() + " is gone: " + change.detailText(), FailureContext.of("watch")));
        }
    }

    GuestAgent agent() {
        return agent;
    }

    /** The way to its agent, for calls as anybody makes them. */
    AgentChannel channel() {
        return channel;
    }

    void destroy() {
        libvirt.domains().destroy(domain);
    }

    @Override
    public void close() {
        libvirt.close();
    }
}
