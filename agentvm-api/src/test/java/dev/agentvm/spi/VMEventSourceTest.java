package dev.agentvm.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.LaunchStep;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.LaunchStarted;
import dev.agentvm.event.Registration;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMRestored;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class VMEventSourceTest {
    private static final VMIdentity VM = VMIdentity.of(new UUID(0, 1), "vm");
    private static final Command COMMAND = Command.of("make", "all");

    private final List<VMEvent> events = new ArrayList<>();
    private final VMEvents sink = new VMEvents() {
        @Override
        public Registration listen(VMEventListener listener, int capacity) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void publish(VMEvent event) {
            events.add(event);
        }
    };
    private Instant now = Instant.EPOCH;

    private VMEventSource launching() {
        return VMEventSource.ofLaunch(sink, () -> now, VM, Optional.empty());
    }

    private VMEventSource launched() {
        VMEventSource source = launching();
        source.launched(new VMLaunched.Builder());
        events.clear();
        return source;
    }

    private List<Class<?>> kinds() {
        return events.stream()
                .<Class<?>>map(event -> event.getClass().getSuperclass())
                .toList();
    }

    @Test
    void launched_steps_areThoseThatEnded() {
        VMEventSource source = launching();
        source.step(LaunchStep.HOST_CHECKED, Duration.ofMillis(5));
        source.launched(new VMLaunched.Builder().detached(true));

        assertThat(kinds()).containsExactly(LaunchStarted.class, VMLaunched.class);
        VMLaunched launched = (VMLaunched) events.get(1);
        assertThat(launched.steps()).containsEntry(LaunchStep.HOST_CHECKED, Duration.ofMillis(5));
        assertThat(launched.detached()).isTrue();
        assertThat(launched.vm()).isEqualTo(VM);
    }

    @Test
    void launchFailed_endedBefore_tellsTheFailureAlone() {
        VMEventSource source = launching();
        source.died("its domain stopped");
        source.launchFailed("too bad");
        source.closed("late");

        assertThat(kinds()).containsExactly(LaunchStarted.class, LaunchFailed.class);
    }

    @Test
    void launched_endedJustBefore_isToldInOrder() {
        VMEventSource source = launching();
        source.died("its domain stopped");
        source.launched(new VMLaunched.Builder());

        assertThat(kinds()).containsExactly(LaunchStarted.class, VMLaunched.class, VMDied.class);
    }

    @Test
    void end_severalTimes_isToldOnce() {
        VMEventSource source = launched();
        source.closed("closed by its program");
        source.died("its domain stopped");
        source.closed("again");

        assertThat(kinds()).containsExactly(VMClosed.class);
    }

    @Test
    void died_whileItIsBeingClosed_wasClosed() {
        VMEventSource source = launched();
        source.closing("destroyed by its program");
        source.died("its domain stopped");

        assertThat(events)
                .singleElement()
                .isInstanceOfSatisfying(
                        VMClosed.class, closed -> assertThat(closed.reason()).isEqualTo("destroyed by its program"));
    }

    @Test
    void foreign_diedOtherwise_isToldElsewhere() {
        VMEventSource source = VMEventSource.ofForeign(sink, () -> now, VM);
        source.died("its domain stopped");
        source.closed("destroyed by its program");

        assertThat(kinds()).containsExactly(VMClosed.class);
    }

    @Test
    void tellEnd_result_hasItsCodeAndTime() {
        VMEventSource source = launched();
        ExecResult result = new ExecResult.Builder()
                .exitCode(3)
                .stdout()
                .stderr()
                .duration(Duration.ZERO)
                .build();

        assertThat(source.tellEnd(COMMAND, () -> {
                    now = now.plusSeconds(2);
                    return result;
                }))
                .isSameAs(result);

        CommandEnded ended = (CommandEnded) events.get(0);
        assertThat(ended.argv()).containsExactly("make", "all");
        assertThat(ended.exitCode()).hasValue(3);
        assertThat(ended.duration()).isEqualTo(Duration.ofSeconds(2));
    }

    @Test
    void tellEnd_failure_isToldAndThrown() {
        VMEventSource source = launched();
        AgentVMException failure = new AgentVMException("silent", FailureContext.of("exec"));

        assertThatThrownBy(() -> source.tellEnd(COMMAND, () -> {
                    // A clock that is set back meanwhile.
                    now = now.minusSeconds(60);
                    throw failure;
                }))
                .isSameAs(failure);

        CommandEnded ended = (CommandEnded) events.get(0);
        assertThat(ended.failure().orElseThrow()).contains("silent");
        assertThat(ended.duration()).isZero();
    }

    @Test
    void commandEnded_signal_isTold() {
        launched().commandEnded(COMMAND, now, ExitStatus.signaled(9));

        assertThat(((CommandEnded) events.get(0)).signal()).hasValue(9);
    }

    @Test
    void restore_done_isToldWithItsStepsSinceItsBegin() {
        VMEventSource source = launched();

        VMEventSource.Restore restore = source.restoring(Optional.of("base"));
        now = now.plusSeconds(1);
        restore.step(LaunchStep.DISK_MADE);
        now = now.plusSeconds(2);
        restore.step(LaunchStep.AGENT_READY);
        restore.done();

        assertThat(events).singleElement().isInstanceOfSatisfying(VMRestored.class, restored -> {
            assertThat(restored.snapshot()).contains("base");
            assertThat(restored.duration()).isEqualTo(Duration.ofSeconds(3));
            assertThat(restored.steps())
                    .containsExactly(
                            Map.entry(LaunchStep.DISK_MADE, Duration.ofSeconds(1)),
                            Map.entry(LaunchStep.AGENT_READY, Duration.ofSeconds(3)));
        });
    }

    @Test
    void restore_vmEndedMeanwhile_isNotTold() {
        VMEventSource source = launched();
        VMEventSource.Restore restore = source.restoring(Optional.empty());
        source.died("its restore failed");

        restore.done();

        assertThat(kinds()).containsExactly(VMDied.class);
    }

    @Test
    void reading_endedOrPutBackSince_isNotTold() {
        VMEventSource source = launched();
        Consumer<VMEvent> before = source.reading();
        VMEventSource.Restore restore = source.restoring(Optional.empty());
        Consumer<VMEvent> during = source.reading();
        before.accept(sample());
        restore.done();
        during.accept(sample());
        assertThat(kinds()).containsExactly(VMRestored.class);

        Consumer<VMEvent> after = source.reading();
        after.accept(sample());
        source.died("its domain stopped");
        after.accept(sample());
        source.reading().accept(sample());

        assertThat(kinds()).containsExactly(VMRestored.class, TrafficSampled.class, VMDied.class);
    }

    private VMEvent sample() {
        return new TrafficSampled.Builder()
                .time(now)
                .vm(VM)
                .interval(Duration.ofSeconds(10))
                .build();
    }

    @Test
    void command_overItsTimeout_timedOut() {
        VMEventSource source = launched();

        source.commandFailed(COMMAND, now, new CommandTimeoutException("too long", FailureContext.of("test")));
        source.commandEnded(
                COMMAND, now, ExitStatus.failed(new CommandTimeoutException("too long", FailureContext.of("test"))));
        source.commandFailed(COMMAND, now, new AgentVMException("lost", FailureContext.of("test")));

        assertThat(events)
                .extracting(event -> ((CommandEnded) event).timedOut())
                .containsExactly(true, true, false);
    }
}
