package dev.agentvm.testkit;

import dev.agentvm.Accelerator;
import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestImage;
import dev.agentvm.HostNotReadyException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.NamedImage;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.StoredImage;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.spi.VMEventSource;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The sequence of one launch; if a step fails, all that was made before is removed again. */
final class FakeLaunch {
    private final FakeHypervisor program;
    private final FakeHost host;
    private final VMTemplate template;
    private final LaunchOptions options;
    private final UUID id = UUID.randomUUID();
    private final Instant start;
    private final VMEventSource events;
    private final Optional<Fault> chance;
    private final List<String> warnings = new ArrayList<>();

    private boolean agentIsSilent;
    private LaunchStep current = LaunchStep.HOST_CHECKED;

    FakeLaunch(FakeHypervisor program, FakeHost host, VMTemplate template, LaunchOptions options) {
        this.program = program;
        this.host = host;
        this.template = template;
        this.options = options;
        this.start = host.time().now();
        this.chance = host.faults().chanceOfLaunch();
        this.events = program.launching(id, template);
    }

    Machine run() {
        try {
            BandwidthLimit bandwidth = check();
            host.begin(id, template.name(), program, options.detached());
            try {
                return launch(bandwidth);
            } catch (RuntimeException | Error e) {
                if (program.isAlive()) {
                    host.remove(id);
                }
                throw e;
            }
        } catch (AgentVMException e) {
            AgentVMException failure = e.during("Launch of '" + template.name() + "' at " + current);
            events.launchFailed(String.valueOf(failure.getMessage()));
            throw failure;
        } catch (RuntimeException | Error e) {
            events.launchFailed("Launch of '" + template.name() + "' at " + current + ": " + e);
            throw e;
        }
    }

    /** Nothing is made before the host, the image and the name are known to be good. */
    private BandwidthLimit check() {
        begin(LaunchStep.HOST_CHECKED);
        requireImage();
        if (template.networkMode() instanceof NetworkMode.Bridge) {
            throw new HostNotReadyException(
                    "Bridge mode is not available yet; use NAT_FILTERED or ISOLATED", context("check the host"));
        }
        if (host.settings().accelerator() == Accelerator.TCG) {
            warnings.add(
                    "kvm: the guest is emulated (TCG), which is slow, and no boundary that QEMU's authors vouch for");
        }
        BandwidthLimit bandwidth = bandwidth();
        if (host.find(template.name()).isPresent()) {
            throw nameTaken();
        }
        done();
        return bandwidth;
    }

    private void requireImage() {
        if (!host.has(template.image())) {
            throw noImage();
        }
    }

    private ImageNotFoundException noImage() {
        return new ImageNotFoundException(
                "There is no image '" + name(template.image()) + "'. The fake host has the images "
                        + Stream.concat(
                                        host.images().list().stream().map(StoredImage::name),
                                        host.settings().images().stream()
                                                .filter(image -> !(image instanceof NamedImage))
                                                .map(FakeLaunch::name))
                                .sorted()
                                .collect(Collectors.joining(", "))
                        + "; its builder's addImage(…) gives it more",
                context("find the image"));
    }

    private static String name(GuestImage image) {
        return image instanceof NamedImage named ? named.name() : image.toString();
    }

    private BandwidthLimit bandwidth() {
        if (template.networkMode().equals(NetworkMode.ISOLATED)) {
            return template.bandwidth();
        }
        BandwidthLimit possible = host.possible(template.bandwidth(), template.name());
        if (!possible.equals(template.bandwidth())) {
            warnings.add(FakeHost.NO_SHAPING);
        }
        return possible;
    }

    private VMAlreadyExistsException nameTaken() {
        return new VMAlreadyExistsException(
                "A domain named '" + template.name() + "' exists already; choose another name or destroy that VM",
                context("launch"));
    }

    private Machine launch(BandwidthLimit bandwidth) {
        boolean networked = !template.networkMode().equals(NetworkMode.ISOLATED);
        Optional<NetworkAttachment> attachment = networked ? Optional.of(place()) : Optional.empty();
        step(LaunchStep.DISK_MADE, () -> host.made(id, "disk agentvm-" + id));
        if (networked) {
            step(LaunchStep.POLICY_DEFINED, () -> host.made(id, "filter " + FakeVM.filter(id)));
        }
        Machine machine =
                new Machine(host, program, events, options.detached(), id, template, attachment, warnings, bandwidth);
        program.register(machine);
        try {
            return start(machine, networked);
        } catch (RuntimeException | Error e) {
            if (program.isAlive()) {
                machine.die("its launch failed");
            }
            throw e;
        }
    }

    private NetworkAttachment place() {
        step(LaunchStep.NETWORK_READY, () -> {});
        begin(LaunchStep.ADDRESS_RESERVED);
        NetworkAttachment attachment = host.reserve(id);
        done();
        return attachment;
    }

    private Machine start(Machine machine, boolean networked) {
        step(LaunchStep.DOMAIN_CREATED, () -> {
            if (!host.define(machine)) {
                throw nameTaken();
            }
        });
        if (networked) {
            step(LaunchStep.POLICY_VERIFIED, () -> {});
        }
        step(LaunchStep.RESUMED, () -> {
            machine.paused(false);
            machine.print("[    0.000000] a fake guest boots '" + name(template.image()) + "'\n");
        });
        begin(LaunchStep.AGENT_READY);
        awaitAgent(machine);
        machine.print("the guest agent answers\n");
        done();
        requireAlive(machine);
        events.launched(new VMLaunched.Builder()
                .policy(machine.attachment().map(unused -> machine.policy()))
                .attachment(machine.attachment())
                .detached(options.detached())
                .warnings(warnings));
        machine.launched(options.resettable());
        return machine;
    }

    private void awaitAgent(Machine machine) {
        Duration bootTime = host.settings().bootTime();
        Duration left = options.timeout().minus(elapsed());
        boolean answers = !agentIsSilent && bootTime.compareTo(left) <= 0;
        try {
            host.time().awaitInside(() -> machine.isGone() || program.isClosed(), answers ? bootTime : left);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted();
        }
        requireAlive(machine);
        program.requireOpen("launch");
        if (!answers) {
            throw new OperationTimeoutException(
                    "The guest agent did not answer within " + options.timeout().toSeconds()
                            + " s. The image needs qemu-guest-agent. The serial console ends:\n"
                            + machine.serialText(),
                    context("launch"));
        }
    }

    private void requireAlive(Machine machine) {
        String reason = machine.endReason();
        if (reason != null) {
            throw new VMDestroyedException(
                    "The guest ended before its launch was complete (" + reason + ")", context("launch"));
        }
    }

    private void step(LaunchStep step, Runnable work) {
        begin(step);
        work.run();
        done();
    }

    private void begin(LaunchStep step) {
        current = step;
        program.requireOpen("launch");
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted();
        }
        Optional<Fault> fault = host.faults().ofStep(step);
        if (fault.isEmpty()) {
            fault = chance.filter(one -> one.step().equals(Optional.of(step)));
        }
        fault.ifPresent(this::fail);
    }

    private void done() {
        events.step(current, elapsed());
        options.listener().ifPresent(listener -> {
            Duration elapsed = elapsed();
            int calls = host.time().suspend();
            try {
                listener.onStep(current, elapsed);
            } finally {
                host.time().resume(calls);
            }
        });
    }

    private void fail(Fault fault) {
        switch (fault) {
            case HOST_UNREACHABLE, CONNECTION_LOST -> throw host.unreachable("launch", template.name());
            case HOST_NOT_READY ->
                throw new HostNotReadyException(
                        "nwfilter: the host has no network filters. To mend it: install libvirt's nwfilter driver",
                        context("check the host"));
            case IMAGE_MISSING -> throw noImage();
            case SUBNET_TAKEN ->
                throw new HostNotReadyException(
                        "The addresses " + host.settings().subnet() + " are taken by another interface",
                        context("make the network"));
            case ADDRESSES_USED_UP -> throw host.addressesUsedUp(template.name());
            case DISK_FULL ->
                throw new AgentVMException(
                        "The disk cannot be made: No space left on device", context("make the disk"));
            case FILTER_REFUSED ->
                throw new AgentVMException("The filter cannot be defined", context("define the network policy"));
            case DOMAIN_REFUSED ->
                throw new AgentVMException("The domain cannot be created", context("create the domain"));
            case POLICY_NOT_IN_FORCE ->
                throw new HostNotReadyException(
                        "The network policy is not in force; the VM was not let run", context("verify network policy"));
            case AGENT_NEVER_ANSWERS -> agentIsSilent = true;
            case GUEST_PANICS ->
                throw new VMDestroyedException(
                        "The guest ended before its launch was complete (its domain stopped (crashed))",
                        context("launch"));
            default -> throw new AssertionError(fault + " is not of launches");
        }
    }

    private AgentVMException interrupted() {
        return new AgentVMException("The launching thread was interrupted", context("launch"));
    }

    private FailureContext context(String operation) {
        return FailureContext.of(operation).vm(template.name());
    }

    private Duration elapsed() {
        return Duration.between(start, host.time().now());
    }
}
