package dev.agentvm.spi;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.LaunchStep;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.event.VMResumed;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Publishes what happens to one VM, for those who implement a hypervisor: a launch is told as begun and then either as
 * launched or as failed, and an end once. Safe for use by many threads.
 */
public final class VMEventSource {
    private final VMEvents events;
    private final InstantSource clock;
    private final VMIdentity vm;
    private final Map<LaunchStep, Duration> steps = new LinkedHashMap<>();
    private final AtomicReference<Stage> stage;
    private final AtomicReference<Optional<String>> closing = new AtomicReference<>(Optional.empty());
    private final AtomicReference<Optional<VMEvent>> endDuringLaunch = new AtomicReference<>(Optional.empty());

    /** Counts the begins and the ends of restores. */
    private int turns;

    private enum Stage {
        LAUNCHING,
        RUNNING,
        ENDED,
        /** Of a VM that another program launched, whose life is told there. */
        FOREIGN
    }

    private VMEventSource(VMEvents events, InstantSource clock, VMIdentity vm, Stage stage) {
        this.events = events;
        this.clock = clock;
        this.vm = vm;
        this.stage = new AtomicReference<>(stage);
    }

    /**
     * Of a VM whose launch begins now, which it tells.
     *
     * @param policy what the VM is launched with; empty without a network
     */
    public static VMEventSource ofLaunch(
            VMEvents events, InstantSource clock, VMIdentity vm, Optional<NetworkPolicy> policy) {
        VMEventSource source = new VMEventSource(events, clock, vm, Stage.LAUNCHING);
        source.publish(new LaunchStarted.Builder()
                .time(clock.instant())
                .vm(vm)
                .policy(policy)
                .build());
        return source;
    }

    /** Of a VM that another program launched, of which only what this program does is told. */
    public static VMEventSource ofForeign(VMEvents events, InstantSource clock, VMIdentity vm) {
        return new VMEventSource(events, clock, vm, Stage.FOREIGN);
    }

    /** The VM. */
    public VMIdentity vm() {
        return vm;
    }

    /** Tells an event of this VM that has no method of its own here. */
    public void publish(VMEvent event) {
        events.publish(event);
    }

    /** A step of the launch has ended, so long after its begin. */
    public synchronized void step(LaunchStep step, Duration sinceStart) {
        steps.put(step, sinceStart);
    }

    /**
     * The launch is complete. The steps, the time and the VM are filled in; an end that came just before is told after
     * it.
     */
    public synchronized void launched(VMLaunched.Builder launched) {
        if (!stage.compareAndSet(Stage.LAUNCHING, Stage.RUNNING)) {
            return;
        }
        publish(launched.time(clock.instant()).vm(vm).putAllSteps(steps).build());
        endDuringLaunch.get().ifPresent(this::end);
    }

    /** The launch has failed, for that reason, and is undone. */
    public synchronized void launchFailed(String reason) {
        if (!stage.compareAndSet(Stage.LAUNCHING, Stage.ENDED)) {
            return;
        }
        publish(new LaunchFailed.Builder()
                .time(clock.instant())
                .vm(vm)
                .putAllSteps(steps)
                .reason(reason)
                .build());
    }

    /** The VM is about to be destroyed by this program, for that reason: an end that is noticed from now on is that. */
    public void closing(String reason) {
        closing.compareAndSet(Optional.empty(), Optional.of(reason));
    }

    /** The VM was destroyed by this program, or because its time was over. */
    public void closed(String reason) {
        end(new VMClosed.Builder().time(clock.instant()).vm(vm).reason(reason).build());
    }

    /** The VM has ended otherwise. */
    public void died(String reason) {
        Optional<String> closed = closing.get();
        if (closed.isPresent()) {
            closed(closed.get());
        } else if (stage.get() != Stage.FOREIGN) {
            end(new VMDied.Builder().time(clock.instant()).vm(vm).reason(reason).build());
        }
    }

    private synchronized void end(VMEvent end) {
        switch (stage.get()) {
            case LAUNCHING -> endDuringLaunch.compareAndSet(Optional.empty(), Optional.of(end));
            case RUNNING, FOREIGN -> {
                stage.set(Stage.ENDED);
                publish(end);
            }
            case ENDED -> {}
        }
    }

    /** The VM begins to be put back: to a snapshot, or if none is named to its launch. */
    public synchronized Restore restoring(Optional<String> snapshot) {
        turns++;
        return new Restore(snapshot);
    }

    /** A restore that is under way. Not thread-safe. */
    public final class Restore {
        private final Optional<String> snapshot;
        private final Instant begin = clock.instant();
        private final Map<LaunchStep, Duration> steps = new LinkedHashMap<>();

        private Restore(Optional<String> snapshot) {
            this.snapshot = snapshot;
        }

        /** A step has ended. */
        public void step(LaunchStep step) {
            steps.put(step, between(begin, clock.instant()));
        }

        /** The VM was put back, which is told unless it has ended. */
        public void done() {
            Instant now = clock.instant();
            restored(new VMRestored.Builder()
                    .time(now)
                    .vm(vm)
                    .snapshot(snapshot)
                    .duration(between(begin, now))
                    .putAllSteps(steps)
                    .build());
        }
    }

    private synchronized void restored(VMRestored restored) {
        turns++;
        unlessEnded(restored);
    }

    /**
     * Tells what is read of the VM from now on, such as a {@link TrafficSampled}: no more once the VM has ended, begins
     * to be put back or was put back, so that nothing is taken for what comes after.
     */
    public synchronized Consumer<VMEvent> reading() {
        int begun = turns;
        return event -> {
            synchronized (this) {
                if (turns == begun) {
                    unlessEnded(event);
                }
            }
        };
    }

    /** The VM stands still, because this program wanted it. */
    public void paused() {
        unlessEnded(new VMPaused.Builder().time(clock.instant()).vm(vm).build());
    }

    /** The VM runs on, because this program wanted it. */
    public void resumed() {
        unlessEnded(new VMResumed.Builder().time(clock.instant()).vm(vm).build());
    }

    private synchronized void unlessEnded(VMEvent event) {
        if (stage.get() != Stage.ENDED) {
            publish(event);
        }
    }

    /** Another policy is in force. */
    public void policyChanged(Optional<NetworkPolicy> before, NetworkPolicy after) {
        publish(new PolicyChanged.Builder()
                .time(clock.instant())
                .vm(vm)
                .before(before)
                .after(after)
                .build());
    }

    /** Runs a command by {@code exec}, and tells how it ended. */
    public ExecResult tellEnd(Command command, Supplier<ExecResult> exec) {
        Instant begin = clock.instant();
        ExecResult result;
        try {
            result = exec.get();
        } catch (AgentVMException e) {
            commandFailed(command, begin, e);
            throw e;
        }
        publish(command(command, begin)
                .exitCode(result.exitCode())
                .signal(result.signal())
                .build());
        return result;
    }

    /** A command that was started at {@code begin} has ended so. */
    public void commandEnded(Command command, Instant begin, ExitStatus status) {
        publish(command(command, begin)
                .exitCode(status.exitCode())
                .signal(status.signal())
                .failure(status.failure().map(VMEventSource::words))
                .timedOut(status.failure()
                        .filter(CommandTimeoutException.class::isInstance)
                        .isPresent())
                .build());
    }

    /** A command that was to run at {@code begin} could not be run, or its end is not known. */
    public void commandFailed(Command command, Instant begin, AgentVMException failure) {
        publish(command(command, begin)
                .failure(words(failure))
                .timedOut(failure instanceof CommandTimeoutException)
                .build());
    }

    /** The time by which events are told. */
    public Instant now() {
        return clock.instant();
    }

    private CommandEnded.Builder command(Command command, Instant begin) {
        Instant now = clock.instant();
        return new CommandEnded.Builder()
                .time(now)
                .vm(vm)
                .argv(command.argv())
                .user(command.user())
                .duration(between(begin, now));
    }

    /** A clock may be set back. */
    private static Duration between(Instant begin, Instant now) {
        return now.isBefore(begin) ? Duration.ZERO : Duration.between(begin, now);
    }

    private static String words(AgentVMException failure) {
        return String.valueOf(failure.getMessage());
    }
}
