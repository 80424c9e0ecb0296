package dev.agentvm.testkit;

import static dev.agentvm.testkit.WrongFakes.found;
import static dev.agentvm.testkit.WrongFakes.launched;
import static dev.agentvm.testkit.WrongFakes.wrong;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.util.List;

/** Fakes whose pauses break one promise each, and the tests of the contract that notice it. */
final class WrongPauses {
    private static final FailureContext CONTEXT = FailureContext.of("test");

    private WrongPauses() {}

    static List<WrongFake> all() {
        return List.of(
                wrong(
                        "a pause does nothing",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void pause() {
                                if (isGone()) {
                                    super.pause();
                                }
                            }
                        }),
                        "events_pauseAndResume_areTold",
                        "pause_commandsUnderWay_standStillWithTheGuest",
                        "pauseAndResume_duringARestore_waitForIt",
                        "pause_ofAVMOfAnotherProgram_isRefused",
                        "pause_whatIsNotTheGuests_canBeChanged"),
                wrong(
                        "a VM that is paused stays so",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void resume() {
                                if (isGone()) {
                                    super.resume();
                                }
                            }
                        }),
                        "events_pauseAndResume_areTold",
                        "pause_commandsUnderWay_standStillWithTheGuest",
                        "pauseAndResume_duringARestore_waitForIt",
                        "pause_running_standsStillUntilItIsResumed"),
                wrong(
                        "a VM that is paused does not say so",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public VMState state() {
                                VMState state = super.state();
                                return state == VMState.PAUSED ? VMState.RUNNING : state;
                            }
                        }),
                        "pauseAndResume_duringARestore_waitForIt",
                        "pause_ofAVMOfAnotherProgram_isRefused",
                        "pause_running_standsStillUntilItIsResumed",
                        "pause_whatIsNotTheGuests_canBeChanged"),
                wrong(
                        "commands in a VM that is paused fail for ever",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ExecResult exec(Command command) {
                                try {
                                    return super.exec(command);
                                } catch (GuestAgentException e) {
                                    throw new GuestAgentException("no answer", CONTEXT, e);
                                }
                            }
                        }),
                        "pause_running_standsStillUntilItIsResumed"),
                wrong(
                        "timeouts stand still with the guest",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public VMProcess start(Command command) {
                                return super.start(
                                        command.withTimeout(command.timeout().plusDays(1)));
                            }
                        }),
                        "pause_commandsTimeout_runsOn",
                        "start_longerThanItsTimeout_isKilledAndSaysSo"),
                wrong(
                        "the policy of a VM that is paused cannot be changed",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void setNetworkPolicy(NetworkPolicy policy) {
                                if (state() == VMState.PAUSED) {
                                    throw new AgentVMException("It is paused", CONTEXT);
                                }
                                super.setNetworkPolicy(policy);
                            }
                        }),
                        "pause_whatIsNotTheGuests_canBeChanged"),
                wrong(
                        "another program's VM seems to be paused",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public void pause() {
                                unlessOfAnother(super::pause);
                            }

                            @Override
                            public void resume() {
                                unlessOfAnother(super::resume);
                            }
                        }),
                        "pause_ofAVMOfAnotherProgram_isRefused"),
                wrong(
                        "a VM that is being launched may be told to run",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public void resume() {
                                if (state() != VMState.PAUSED) {
                                    super.resume();
                                }
                            }
                        }),
                        "pause_ofAVMOfAnotherProgram_isRefused",
                        "resume_duringALaunch_isRefused"),
                wrong(
                        "a VM that is being restored cannot be told to run",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void resume() {
                                comeLate();
                                if (state() == VMState.RESTORING) {
                                    throw new AgentVMException("It is being restored", CONTEXT);
                                }
                                super.resume();
                            }
                        }),
                        "pauseAndResume_duringARestore_waitForIt"),
                wrong(
                        "a VM that is being restored cannot be paused",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void pause() {
                                comeLate();
                                if (state() != VMState.RESTORING) {
                                    super.pause();
                                }
                            }
                        }),
                        "pauseAndResume_duringARestore_waitForIt"),
                wrong(
                        "a VM lives for ever while it is paused",
                        launched(vm -> new SpoiltVM(vm) {
                            private boolean still;

                            @Override
                            public void pause() {
                                super.pause();
                                still = true;
                            }

                            @Override
                            public VMState state() {
                                VMState state = super.state();
                                return still && state == VMState.DESTROYED ? VMState.PAUSED : state;
                            }

                            @Override
                            public void resume() {
                                super.resume();
                                still = false;
                            }
                        }),
                        "pause_timeToLiveOver_endsTheVM"));
    }

    /** As a thread does that is not given a processor: it does not wait. */
    private static void comeLate() {
        long begin = System.nanoTime();
        while (System.nanoTime() - begin < 20_000_000) {
            Thread.onSpinWait();
        }
    }

    private static void unlessOfAnother(Runnable call) {
        try {
            call.run();
        } catch (AgentVMException e) {
            if (e.getMessage() == null || !e.getMessage().contains("another program")) {
                throw e;
            }
        }
    }
}
