package dev.agentvm.testkit;

import static dev.agentvm.testkit.WrongFakes.launched;
import static dev.agentvm.testkit.WrongFakes.wrong;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.FailureContext;
import dev.agentvm.InvalidValueException;
import dev.agentvm.Snapshot;
import dev.agentvm.SnapshotAlreadyExistsException;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Fakes whose snapshots break one promise each, and the tests of the contract that notice it. */
final class WrongSnapshots {
    private WrongSnapshots() {}

    static List<WrongFake> all() {
        return List.of(
                wrong(
                        "a snapshot of a VM that can have none seems to be taken",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Snapshot snapshot(String name) {
                                try {
                                    return super.snapshot(name);
                                } catch (AgentVMException e) {
                                    if (e.getMessage() != null && e.getMessage().contains("resettable")) {
                                        return new Snapshot(name, Instant.EPOCH);
                                    }
                                    throw e;
                                }
                            }
                        }),
                        "snapshot_vmThatIsNotResettable_isRefusedInWords"),
                wrong(
                        "a restore does nothing",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void restore(String name) {
                                if (isGone()
                                        || snapshots().stream()
                                                .noneMatch(one -> one.name().equals(name))) {
                                    super.restore(name);
                                }
                            }
                        }),
                        "deleteSnapshot_one_leavesTheOthersAndTheVM",
                        "pause_whatIsNotTheGuests_canBeChanged",
                        "restore_commandsUnderWay_areToldAtOnce",
                        "events_restoreAndReset_areTold",
                        "restore_logs_beginAnew",
                        "restore_severalSnapshots_goesToEachInAnyOrder",
                        "restore_snapshot_bringsBackWhatTheGuestWasThen",
                        "restore_vmClosedMeanwhile_leavesNothing",
                        "snapshot_badTakenOrUnknownName_isRefused"),
                wrong(
                        "a restore goes to the latest snapshot",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void restore(String name) {
                                List<Snapshot> all = snapshots();
                                boolean there =
                                        all.stream().anyMatch(one -> one.name().equals(name));
                                super.restore(there ? all.get(all.size() - 1).name() : name);
                            }
                        }),
                        "restore_severalSnapshots_goesToEachInAnyOrder"),
                wrong(
                        "a VM that was restored has another id",
                        launched(vm -> new SpoiltVM(vm) {
                            private UUID id = super.id();

                            @Override
                            public UUID id() {
                                return id;
                            }

                            @Override
                            public void restore(String name) {
                                super.restore(name);
                                id = UUID.randomUUID();
                            }
                        }),
                        "restore_anySnapshot_keepsTheVMsIdentityAndPlace"),
                wrong(
                        "all snapshots are deleted with one",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void deleteSnapshot(String name) {
                                super.deleteSnapshot(name);
                                snapshots().forEach(other -> super.deleteSnapshot(other.name()));
                            }
                        }),
                        "deleteSnapshot_one_leavesTheOthersAndTheVM"),
                wrong(
                        "a snapshot that is deleted stays",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void deleteSnapshot(String name) {
                                if (isGone()
                                        || snapshots().stream()
                                                .noneMatch(one -> one.name().equals(name))) {
                                    super.deleteSnapshot(name);
                                }
                            }
                        }),
                        "deleteSnapshot_one_leavesTheOthersAndTheVM"),
                wrong(
                        "a snapshot takes the place of another of its name",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Snapshot snapshot(String name) {
                                try {
                                    return super.snapshot(name);
                                } catch (SnapshotAlreadyExistsException e) {
                                    super.deleteSnapshot(name);
                                    return super.snapshot(name);
                                }
                            }
                        }),
                        "snapshot_badTakenOrUnknownName_isRefused"),
                wrong(
                        "a snapshot with a bad name is called otherwise",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Snapshot snapshot(String name) {
                                try {
                                    return super.snapshot(name);
                                } catch (InvalidValueException e) {
                                    return new Snapshot("other", Instant.EPOCH);
                                }
                            }
                        }),
                        "snapshot_badTakenOrUnknownName_isRefused"),
                wrong(
                        "another program's VM seems to be reset",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            VM found(VM vm) {
                                return new SpoiltVM(vm) {
                                    @Override
                                    public void reset() {
                                        // That is the fault.
                                    }
                                };
                            }
                        },
                        "snapshot_ofAVMOfAnotherProgram_isRefused"),
                wrong(
                        "commands of before a restore fail for no reason",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ExecResult exec(Command command) {
                                try {
                                    return super.exec(command);
                                } catch (VMRestoredException e) {
                                    throw new AgentVMException("It failed", FailureContext.of("exec"), e);
                                }
                            }
                        }),
                        "restore_commandsUnderWay_areToldAtOnce"),
                wrong(
                        "a restore brings back the policy",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void restore(String name) {
                                super.restore(name);
                                if (networkPolicy().isPresent()) {
                                    setNetworkPolicy(NetworkPolicy.agentDefault());
                                }
                            }
                        }),
                        "restore_policyChangedSince_isTheOneInForce"),
                wrong(
                        "the serial log goes on over a restore",
                        launched(vm -> new SpoiltVM(vm) {
                            private String before = "";

                            @Override
                            public void restore(String name) {
                                before = super.serialLog();
                                super.restore(name);
                            }

                            @Override
                            public String serialLog() {
                                return before + super.serialLog();
                            }
                        }),
                        "restore_logs_beginAnew"),
                wrong(
                        "a reset leaves the guest's files",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void reset() {
                                if (isGone()) {
                                    super.reset();
                                }
                                snapshots().forEach(other -> super.deleteSnapshot(other.name()));
                            }
                        }),
                        "events_restoreAndReset_areTold",
                        "pause_whatIsNotTheGuests_canBeChanged",
                        "reset_resettableOrNot_isTheStateAfterTheLaunch"),
                wrong(
                        "a reset leaves the snapshots",
                        launched(vm -> new SpoiltVM(vm) {
                            private Optional<Snapshot> left = Optional.empty();

                            @Override
                            public void reset() {
                                if (!isGone()) {
                                    left = super.snapshots().stream().findFirst();
                                }
                                super.reset();
                            }

                            @Override
                            public List<Snapshot> snapshots() {
                                return left.map(List::of).orElseGet(super::snapshots);
                            }
                        }),
                        "reset_resettableOrNot_isTheStateAfterTheLaunch"),
                wrong(
                        "a restore of a VM that is closed meanwhile seems to succeed",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void restore(String name) {
                                boolean wasGone = isGone();
                                try {
                                    super.restore(name);
                                } catch (VMDestroyedException e) {
                                    if (wasGone) {
                                        throw e;
                                    }
                                }
                            }
                        }),
                        "restore_vmClosedMeanwhile_leavesNothing"),
                wrong(
                        "a saved memory outlives its VM",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            VM launched(VM vm) {
                                return new SpoiltVM(vm) {
                                    @Override
                                    public Snapshot snapshot(String name) {
                                        Snapshot snapshot = super.snapshot(name);
                                        world.litter().add("saved state");
                                        return snapshot;
                                    }
                                };
                            }
                        },
                        "close_withSnapshots_leavesNothing",
                        "deleteSnapshot_one_leavesTheOthersAndTheVM",
                        "pauseAndResume_duringARestore_waitForIt",
                        "pause_whatIsNotTheGuests_canBeChanged",
                        "reset_resettableOrNot_isTheStateAfterTheLaunch",
                        "restore_anySnapshot_keepsTheVMsIdentityAndPlace",
                        "restore_commandsUnderWay_areToldAtOnce",
                        "restore_logs_beginAnew",
                        "restore_policyChangedSince_isTheOneInForce",
                        "restore_severalSnapshots_goesToEachInAnyOrder",
                        "restore_snapshot_bringsBackWhatTheGuestWasThen",
                        "restore_vmClosedMeanwhile_leavesNothing",
                        "snapshot_badTakenOrUnknownName_isRefused",
                        "snapshot_ofAVMOfAnotherProgram_isRefused"));
    }
}
