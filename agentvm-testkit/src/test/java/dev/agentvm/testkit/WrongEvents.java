package dev.agentvm.testkit;

import static dev.agentvm.testkit.WrongFakes.wrong;

import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.event.CommandEnded;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.ConnectionDenied;
import dev.agentvm.event.LaunchFailed;
import dev.agentvm.event.PolicyChanged;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMClosed;
import dev.agentvm.event.VMDied;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEventListener;
import dev.agentvm.event.VMEvents;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import dev.agentvm.event.VMRestored;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.WrongFakes.World;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;

/** Fakes whose events break one promise each. */
final class WrongEvents {
    private WrongEvents() {}

    static List<WrongFake> all() {
        return List.of(
                wrong(
                        "a launch is not told",
                        telling(event -> event instanceof VMLaunched ? Stream.of() : Stream.of(event)),
                        "events_launchAndClose_areToldInTheirOrder",
                        "events_pauseAndResume_areTold"),
                wrong(
                        "an end is told twice",
                        telling(event ->
                                event instanceof VMClosed closed ? Stream.of(closed, closed) : Stream.of(event)),
                        "events_launchAndClose_areToldInTheirOrder",
                        "events_ofAVMThatIsFound_areWhatThisProgramDoesToIt",
                        "events_pauseAndResume_areTold",
                        "events_restoreAndReset_areTold"),
                wrong(
                        "a launch that fails is told without a reason",
                        telling(event -> Stream.of(
                                event instanceof LaunchFailed failed ? failed.withReason("it failed") : event)),
                        "events_launchThatFails_isToldWithItsReason"),
                wrong(
                        "a guest that ends by itself counts as closed",
                        telling(event -> Stream.of(event instanceof VMDied died ? closed(died) : event)),
                        "events_guestPowersOff_diedAndWasNotClosed",
                        "events_ofAVMThatIsFound_areWhatThisProgramDoesToIt"),
                wrong(
                        "what is denied is not told",
                        telling(event -> event instanceof ConnectionDenied ? Stream.of() : Stream.of(event)),
                        "events_connections_haveTheVerdictAndWhatDecided"),
                wrong(
                        "all is judged by another policy",
                        telling(event ->
                                Stream.of(event instanceof ConnectionAttempted attempt ? byNothing(attempt) : event)),
                        "events_connections_haveTheVerdictAndWhatDecided"),
                wrong(
                        "a change of policy tells the new one twice",
                        telling(event -> Stream.of(
                                event instanceof PolicyChanged changed
                                                && changed.before().isPresent()
                                        ? changed.withBefore(changed.after())
                                        : event)),
                        "events_policyChange_hasBothPolicies"),
                wrong(
                        "a reset is not told",
                        telling(event -> event instanceof VMRestored restored
                                        && restored.snapshot().isEmpty()
                                ? Stream.of()
                                : Stream.of(event)),
                        "events_restoreAndReset_areTold"),
                wrong(
                        "a restore is told without its steps",
                        telling(event ->
                                Stream.of(event instanceof VMRestored restored ? restored.withSteps(Map.of()) : event)),
                        "events_restoreAndReset_areTold"),
                wrong(
                        "a pause is told twice",
                        telling(event ->
                                event instanceof VMPaused paused ? Stream.of(paused, paused) : Stream.of(event)),
                        "events_pauseAndResume_areTold"),
                wrong(
                        "a command whose time is over is told as any that fails",
                        telling(event ->
                                Stream.of(event instanceof CommandEnded ended ? ended.withTimedOut(false) : event)),
                        "events_commands_haveTheirOutcomeAndNoSecret"),
                wrong(
                        "every command succeeds",
                        telling(event -> Stream.of(
                                event instanceof CommandEnded ended
                                                && ended.exitCode().isPresent()
                                        ? ended.withExitCode(0)
                                        : event)),
                        "events_commands_haveTheirOutcomeAndNoSecret"),
                wrong(
                        "what is done to VMs that were found is not told",
                        telling(event -> event.vm().name().equals("theirs") && event instanceof CommandEnded
                                ? Stream.of()
                                : Stream.of(event)),
                        "events_ofAVMThatIsFound_areWhatThisProgramDoesToIt"),
                wrong(
                        "a hypervisor that is closed takes listeners",
                        listening((listen, listener) -> {
                            try {
                                return listen.apply(listener);
                            } catch (HypervisorUnavailableException e) {
                                return FakeHypervisor.create().events().listen(listener);
                            }
                        }),
                        "events_ofAHypervisorThatIsClosed_endWithItsVMs"),
                wrong(
                        "a wait of ages for events is refused",
                        listening((listen, listener) -> hasty(listen.apply(listener))),
                        "events_waitLongerThanClocksTell_isOverWhenAllIsDelivered"));
    }

    private static Registration hasty(Registration right) {
        return new Registration() {
            @Override
            public long delivered() {
                return right.delivered();
            }

            @Override
            public long lost() {
                return right.lost();
            }

            @Override
            public int waiting() {
                return right.waiting();
            }

            @Override
            public boolean awaitDelivery(Duration timeout) {
                return right.awaitDelivery(Duration.ofNanos(timeout.toNanos()));
            }

            @Override
            public void close() {
                right.close();
            }

            @Override
            public boolean close(Duration timeout) {
                return right.close(Duration.ofNanos(timeout.toNanos()));
            }
        };
    }

    private static VMEvent closed(VMDied died) {
        return new VMClosed.Builder()
                .id(died.id())
                .time(died.time())
                .vm(died.vm())
                .reason(died.reason())
                .build();
    }

    private static VMEvent byNothing(ConnectionAttempted attempt) {
        return ConnectionAttempted.of(
                attempt.time(),
                attempt.vm(),
                attempt.flow(),
                NetworkPolicy.none().evaluate(attempt.flow()),
                Optional.empty());
    }

    /** Spoils what listeners are told. */
    private static BiFunction<World, Hypervisor, Hypervisor> telling(Function<VMEvent, Stream<VMEvent>> spoil) {
        return listening(
                (listen, listener) -> listen.apply(event -> spoil.apply(event).forEach(listener::onEvent)));
    }

    private static BiFunction<World, Hypervisor, Hypervisor> listening(
            BiFunction<Function<VMEventListener, Registration>, VMEventListener, Registration> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public VMEvents events() {
                VMEvents events = super.events();
                return new VMEvents() {
                    @Override
                    public Registration listen(VMEventListener listener, int capacity) {
                        return spoil.apply(told -> events.listen(told, capacity), listener);
                    }

                    @Override
                    public void publish(VMEvent event) {
                        events.publish(event);
                    }
                };
            }
        };
    }
}
