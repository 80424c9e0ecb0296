package dev.agentvm.monitor;

import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidValueException;
import dev.agentvm.VM;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.network.NetworkPolicy;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** What a host program does about an anomaly. Immutable, safe for use by many threads. */
public final class Response {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");

    private final String name;
    private final boolean notification;
    private final BiConsumer<? super AnomalyDetected, ? super Hypervisor> action;

    private Response(
            String name, boolean notification, BiConsumer<? super AnomalyDetected, ? super Hypervisor> action) {
        this.name = name;
        this.notification = notification;
        this.action = action;
    }

    /** Tells somebody, which holds up no response that does something to a VM. */
    public static Response notify(Consumer<? super AnomalyDetected> receiver) {
        Objects.requireNonNull(receiver, "receiver");
        return new Response("notify", true, (anomaly, hypervisor) -> receiver.accept(anomaly));
    }

    /** Sets {@link NetworkPolicy#none}, which cuts open connections too; the VM runs on. */
    public static Response cutNetwork() {
        return of("cut-network", (anomaly, vm) -> vm.setNetworkPolicy(NetworkPolicy.none()));
    }

    /** Pauses the VM, whose memory and disk can be looked at; {@link VM#resume} lets it run on. */
    public static Response pause() {
        return of("pause", (anomaly, vm) -> vm.pause());
    }

    /** Destroys the VM. */
    public static Response destroy() {
        return of("destroy", (anomaly, vm) -> vm.destroy());
    }

    /**
     * Does something of the program's own to the VM, by a handle that is released afterwards.
     *
     * @param name what the log calls it: a lower-case letter, then up to 62 of a-z 0-9 -
     * @throws InvalidValueException if the name is another
     */
    public static Response of(String name, BiConsumer<? super AnomalyDetected, ? super VM> action) {
        if (!NAME.matcher(name).matches()) {
            throw new InvalidValueException("name", name, "must be a lower-case letter, then up to 62 of a-z 0-9 -");
        }
        Objects.requireNonNull(action, "action");
        return new Response(name, false, (anomaly, hypervisor) -> {
            try (VM vm = running(anomaly, hypervisor)) {
                action.accept(anomaly, vm);
            }
        });
    }

    /** The VM that the anomaly is about, and not one that got its name since. */
    private static VM running(AnomalyDetected anomaly, Hypervisor hypervisor) {
        String name = anomaly.vm().name();
        VM found = hypervisor.find(name).orElseThrow(() -> gone(anomaly));
        if (!found.id().equals(anomaly.vm().id())) {
            found.close();
            throw gone(anomaly);
        }
        return found;
    }

    private static VMNotFoundException gone(AnomalyDetected anomaly) {
        return new VMNotFoundException(
                "The VM " + anomaly.vm() + " does not run any more",
                FailureContext.of("respond to an anomaly").vm(anomaly.vm().name()));
    }

    /** What the log calls it. */
    public String name() {
        return name;
    }

    /** Whether it does nothing to the VM. */
    boolean isNotification() {
        return notification;
    }

    void take(AnomalyDetected anomaly, Hypervisor hypervisor) {
        action.accept(anomaly, hypervisor);
    }
}
