package dev.agentvm.testkit;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandStartException;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.ImageInUseException;
import dev.agentvm.ImageNotFoundException;
import dev.agentvm.Images;
import dev.agentvm.Isolation;
import dev.agentvm.KernelImage;
import dev.agentvm.LaunchListener;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.NamedImage;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.OutputLimit;
import dev.agentvm.OutputLimitException;
import dev.agentvm.ReapReport;
import dev.agentvm.StoredImage;
import dev.agentvm.VM;
import dev.agentvm.VMAlreadyExistsException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.VMProcess;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.metrics.MetricsSink;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionAttempt;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/** Fakes that break one promise each, and the tests of the contract that notice it. */
final class WrongFakes {
    private static final FailureContext CONTEXT = FailureContext.of("test");

    private WrongFakes() {}

    /** The host under a wrong fake, what it leaves there that the host does not know, and who is given what is measured. */
    record World(FakeHypervisor host, List<String> litter, MetricsSink metrics) {}

    /**
     * A wrong fake.
     *
     * @param fault what is wrong with it
     * @param noticedBy the tests that fail, and no others
     * @param spoil makes the wrong hypervisor of a right one
     */
    record WrongFake(String fault, Set<String> noticedBy, BiFunction<World, Hypervisor, Hypervisor> spoil) {
        @Override
        public String toString() {
            return fault;
        }
    }

    static List<WrongFake> all() {
        List<WrongFake> all = new ArrayList<>();
        all.addAll(launches());
        all.addAll(searches());
        all.addAll(reaps());
        all.addAll(closings());
        all.addAll(lives());
        all.addAll(commands());
        all.addAll(images());
        all.addAll(processes());
        all.addAll(WrongCommands.all());
        all.addAll(WrongFiles.all());
        all.addAll(WrongEvents.all());
        all.addAll(WrongMetrics.all());
        all.addAll(WrongSnapshots.all());
        all.addAll(WrongPauses.all());
        return all;
    }

    private static List<WrongFake> launches() {
        return List.of(
                wrong(
                        "a launch does not wait for its guest",
                        launched(FirstLooksLikeStarting::new),
                        "close_found_leavesItRunning",
                        "idleTimeout_over_endsTheVMUnlessACommandRuns",
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver",
                        "launch_returns_aRunningVMThatAnswers",
                        "pause_ofAVMOfAnotherProgram_isRefused",
                        "pause_running_standsStillUntilItIsResumed",
                        "pause_whatIsNotTheGuests_canBeChanged",
                        "reap_vmsAndLaunchesOfLivingPrograms_areLeftAlone",
                        "reset_resettableOrNot_isTheStateAfterTheLaunch",
                        "restore_snapshot_bringsBackWhatTheGuestWasThen",
                        "resume_duringALaunch_isRefused",
                        "snapshot_ofAVMOfAnotherProgram_isRefused"),
                wrong(
                        "a VM has another name",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public String name() {
                                return super.name() + "-1";
                            }
                        }),
                        "close_found_leavesItRunning",
                        "exec_longerThanItsTimeout_isKilled",
                        "find_running_doesNotRememberWhatItsProgramKnows",
                        "find_running_givesTheSameVMToEveryProgram",
                        "find_running_saysThatItsProgramWatchesIt",
                        "gone_values_stillAnswer",
                        "launch_template_givesTheVMItsNameAndLabels",
                        "list_running_hasTheVMsOfEveryProgram",
                        "restore_anySnapshot_keepsTheVMsIdentityAndPlace",
                        "setNetworkPolicy_another_isTheOneInForce",
                        "snapshot_ofAVMOfAnotherProgram_isRefused"),
                wrong(
                        "labels are lost",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Map<String, String> labels() {
                                return Map.of();
                            }
                        }),
                        "find_running_givesTheSameVMToEveryProgram",
                        "gone_values_stillAnswer",
                        "launch_template_givesTheVMItsNameAndLabels"),
                wrong(
                        "a step is not told",
                        listening(listener -> (step, time) -> {
                            if (step != LaunchStep.POLICY_VERIFIED) {
                                listener.onStep(step, time);
                            }
                        }),
                        "launch_listenerThrows_failsWithThatNamesTheStepAndLeavesNothing",
                        "launch_listener_hearsEachStepInOrderOnTheLaunchingThread"),
                wrong(
                        "steps are told on another thread",
                        listening(listener -> (step, time) -> {
                            AtomicReference<RuntimeException> failure = new AtomicReference<>();
                            Thread thread = new Thread(() -> {
                                try {
                                    listener.onStep(step, time);
                                } catch (RuntimeException e) {
                                    failure.set(e);
                                }
                            });
                            thread.start();
                            join(thread);
                            RuntimeException thrown = failure.get();
                            if (thrown != null) {
                                throw thrown;
                            }
                        }),
                        "launch_interrupted_isUndoneAndKeepsTheInterrupt",
                        "launch_listener_hearsEachStepInOrderOnTheLaunchingThread"),
                wrong(
                        "the times of steps run backwards",
                        listening(listener -> (step, time) ->
                                listener.onStep(step, Duration.ofHours(1).minus(time))),
                        "launch_listener_hearsEachStepInOrderOnTheLaunchingThread"),
                wrong(
                        "an isolated VM has a network",
                        launching(
                                (template, launch) -> launch.apply(template.withNetworkMode(NetworkMode.NAT_FILTERED))),
                        "launch_isolated_hasNoNetwork"),
                wrong(
                        "what a listener throws is passed over",
                        listening(listener -> (step, time) -> {
                            try {
                                listener.onStep(step, time);
                            } catch (RuntimeException e) {
                                // That is the fault.
                            }
                        }),
                        "launch_cloudInitButFails_tellsNobodyItsSecrets",
                        "launch_listenerThrows_failsWithThatNamesTheStepAndLeavesNothing"),
                wrong(
                        "what a listener throws is disguised",
                        failing(
                                AgentVMException.class,
                                (world, e) ->
                                        e.getMessage() != null && e.getMessage().endsWith("stop")
                                                ? new AgentVMException("The launch failed", CONTEXT)
                                                : e),
                        "launch_listenerThrows_failsWithThatNamesTheStepAndLeavesNothing"),
                wrong(
                        "a launch that fails leaves its disk",
                        failing(AgentVMException.class, (world, e) -> {
                            world.litter().add("disk");
                            return e;
                        }),
                        "closeHypervisor_duringALaunch_undoesIt",
                        "launch_agentSilent_timesOutWithTheSerialLogAndLeavesNothing",
                        "launch_imageUnknown_isRefusedBeforeAnythingIsMade",
                        "launch_interrupted_isUndoneAndKeepsTheInterrupt",
                        "launch_listenerThrows_failsWithThatNamesTheStepAndLeavesNothing",
                        "launch_nameTaken_isRefusedAndLeavesTheOtherAlone"),
                wrong(
                        "an interrupted launch loses the interrupt",
                        failing(AgentVMException.class, (world, e) -> {
                            Thread.interrupted();
                            return e;
                        }),
                        "launch_interrupted_isUndoneAndKeepsTheInterrupt"),
                wrong(
                        "a launch takes no notice of an interrupt",
                        listening(listener -> (step, time) -> {
                            listener.onStep(step, time);
                            Thread.interrupted();
                        }),
                        "launch_interrupted_isUndoneAndKeepsTheInterrupt"),
                wrong(
                        "an unknown image is another",
                        launching((template, launch) -> launch.apply(template.withImage(GuestImage.named("default")))),
                        "events_launchThatFails_isToldWithItsReason",
                        "launch_cloudInitButFails_tellsNobodyItsSecrets",
                        "launch_imageUnknown_isRefusedBeforeAnythingIsMade",
                        "removeImage_unused_isGoneForEveryProgram",
                        "removeImage_usedByAVM_isRefusedUntilItEnds"),
                wrong(
                        "a launch with cloud-init is refused",
                        launching((template, launch) -> {
                            if (template.cloudInit().isPresent()) {
                                throw new AgentVMException("There is no cloud-init", CONTEXT);
                            }
                            return launch.apply(template);
                        }),
                        "launch_cloudInitButFails_tellsNobodyItsSecrets",
                        "launch_cloudInit_succeedsAndTellsNobodyItsSecrets"),
                wrong(
                        "a password's hash becomes a label",
                        launching((template, launch) -> launch.apply(template.cloudInit()
                                .flatMap(wanted -> wanted.users().get(0).passwordHash())
                                .map(hash -> template.withLabels(Map.of("password", hash)))
                                .orElse(template))),
                        "launch_cloudInitButFails_tellsNobodyItsSecrets",
                        "launch_cloudInit_succeedsAndTellsNobodyItsSecrets"),
                wrong(
                        "a VM's text shows what cloud-init writes to a file",
                        launching((template, launch) -> new SpoiltVM(launch.apply(template)) {
                            @Override
                            public String toString() {
                                return template.cloudInit()
                                        .map(wanted -> wanted.files().get(0).content())
                                        .map(Arrays::toString)
                                        .orElse("a VM");
                            }
                        }),
                        "launch_cloudInit_succeedsAndTellsNobodyItsSecrets"),
                wrong(
                        "a failure tells the commands of cloud-init",
                        launching((template, launch) -> {
                            try {
                                return launch.apply(template);
                            } catch (ImageNotFoundException e) {
                                throw new ImageNotFoundException(
                                        e.getMessage() + template.cloudInit().map(CloudInit::commands), CONTEXT);
                            }
                        }),
                        "launch_cloudInitButFails_tellsNobodyItsSecrets"),
                wrong(
                        "a name that is taken is taken away",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                super.find(template.name()).ifPresent(VM::destroy);
                                return super.launch(template, options);
                            }
                        },
                        "launch_nameTaken_isRefusedAndLeavesTheOtherAlone"),
                wrong(
                        "a name that is taken becomes another",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                try {
                                    return super.launch(template, options);
                                } catch (VMAlreadyExistsException e) {
                                    return super.launch(template.withName(template.name() + "-2"), options);
                                }
                            }
                        },
                        "launch_nameTaken_isRefusedAndLeavesTheOtherAlone",
                        "launch_severalOfOneNameAtOnce_oneWins"),
                wrong(
                        "a silent agent is reported without the serial log",
                        failing(
                                OperationTimeoutException.class,
                                (world, e) -> new OperationTimeoutException("too late", CONTEXT.vm("mute"))),
                        "launch_agentSilent_timesOutWithTheSerialLogAndLeavesNothing"),
                wrong(
                        "a silent agent leaves its VM",
                        failing(OperationTimeoutException.class, (world, e) -> {
                            world.litter().add("domain mute");
                            return e;
                        }),
                        "launch_agentSilent_timesOutWithTheSerialLogAndLeavesNothing"),
                wrong(
                        "all VMs have one address",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Optional<NetworkAttachment> attachment() {
                                return super.attachment().map(unused -> NetworkAttachment.example());
                            }
                        }),
                        "launch_severalAtOnce_giveEachItsOwn"),
                wrong(
                        "all VMs of a name have one id",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public UUID id() {
                                return new UUID(0, name().hashCode());
                            }
                        }),
                        "close_detached_leavesItToBeFoundAgain",
                        "events_launchAndClose_areToldInTheirOrder",
                        "find_running_givesTheSameVMToEveryProgram",
                        "launch_sameTemplateAgain_givesAnotherId",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "restore_anySnapshot_keepsTheVMsIdentityAndPlace"),
                wrong(
                        "a new policy is forgotten",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void setNetworkPolicy(NetworkPolicy policy) {
                                if (isGone() || networkPolicy().isEmpty()) {
                                    super.setNetworkPolicy(policy);
                                }
                            }
                        }),
                        "events_policyChange_hasBothPolicies",
                        "connectionLog_attempts_haveTheVerdictsOfThePolicyInForceThen",
                        "pause_whatIsNotTheGuests_canBeChanged",
                        "restore_policyChangedSince_isTheOneInForce",
                        "setNetworkPolicy_another_isTheOneInForce"),
                wrong(
                        "an isolated VM takes a policy",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void setNetworkPolicy(NetworkPolicy policy) {
                                if (isGone() || networkPolicy().isPresent()) {
                                    super.setNetworkPolicy(policy);
                                }
                            }
                        }),
                        "launch_isolated_hasNoNetwork"),
                wrong(
                        "a VM that is gone takes a bandwidth limit",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void setBandwidth(BandwidthLimit limit) {
                                if (!isGone()) {
                                    super.setBandwidth(limit);
                                }
                            }
                        }),
                        "gone_calls_throwThatItIsDestroyed"),
                wrong(
                        "the filter is not there",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Isolation isolation() {
                                return new Isolation.Builder()
                                        .accelerator(super.isolation().accelerator())
                                        .build();
                            }
                        }),
                        "isolation_networked_namesTheFilter"),
                wrong(
                        "the serial console is not read",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public String serialLog() {
                                return "";
                            }
                        }),
                        "gone_values_stillAnswer",
                        "restore_logs_beginAnew",
                        "serialLog_launched_hasWhatTheGuestWrote"));
    }

    private static List<WrongFake> searches() {
        return List.of(
                wrong(
                        "a VM that is found has another id",
                        found(vm -> new SpoiltVM(vm) {
                            private final UUID other = UUID.randomUUID();

                            @Override
                            public UUID id() {
                                return other;
                            }
                        }),
                        "close_detached_leavesItToBeFoundAgain",
                        "find_running_givesTheSameVMToEveryProgram",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "restore_anySnapshot_keepsTheVMsIdentityAndPlace"),
                wrong(
                        "the log of a VM that is found looks complete",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public ConnectionLog connectionLog() {
                                return ConnectionLog.empty(Optional.empty());
                            }
                        }),
                        "find_running_saysThatItsProgramWatchesIt"),
                wrong(
                        "a VM that is found remembers warnings",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public List<String> warnings() {
                                return List.of("something");
                            }
                        }),
                        "find_running_doesNotRememberWhatItsProgramKnows"),
                wrong(
                        "a search in vain throws",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public Optional<VM> find(String name) {
                                Optional<VM> vm = super.find(name);
                                if (vm.isEmpty()) {
                                    throw new VMNotFoundException("no " + name, CONTEXT);
                                }
                                return vm;
                            }
                        },
                        "closeHypervisor_attachedVMs_areDestroyedAndDetachedLiveOn",
                        "findAndList_ended_doNotHaveIt",
                        "find_nameOfNoVM_isEmpty",
                        "reap_detachedVMPastItsTimeToLive_isRemoved"),
                wrong(
                        "a VM that ended is found",
                        (world, right) -> new SpoiltHypervisor(right) {
                            private final Map<String, VM> all = new ConcurrentHashMap<>();

                            @Override
                            VM launched(VM vm) {
                                all.put(vm.name(), vm);
                                return vm;
                            }

                            @Override
                            public Optional<VM> find(String name) {
                                return super.find(name).or(() -> Optional.ofNullable(all.get(name)));
                            }
                        },
                        "findAndList_ended_doNotHaveIt"),
                wrong(
                        "a list has the VMs of one program",
                        (world, right) -> new SpoiltHypervisor(right) {
                            private final Set<UUID> own = ConcurrentHashMap.newKeySet();

                            @Override
                            VM launched(VM vm) {
                                own.add(vm.id());
                                return vm;
                            }

                            @Override
                            public List<VM> list() {
                                return super.list().stream()
                                        .filter(vm -> own.contains(vm.id()))
                                        .toList();
                            }
                        },
                        "list_running_hasTheVMsOfEveryProgram"),
                wrong(
                        "closing a VM that was found destroys it",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public void close() {
                                destroy();
                            }
                        }),
                        "close_found_leavesItRunning"),
                wrong(
                        "destroying a VM that was found lets go of it",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public void destroy() {
                                close();
                            }
                        }),
                        "closeHypervisor_attachedVMs_areDestroyedAndDetachedLiveOn",
                        "events_ofAVMThatIsFound_areWhatThisProgramDoesToIt",
                        "destroy_found_endsItForEveryHandle"));
    }

    private static List<WrongFake> reaps() {
        return List.of(
                wrong(
                        "nothing is reaped",
                        reaping((right, world) -> new ReapReport.Builder().build()),
                        "reap_detachedVMPastItsIdleTimeout_isRemoved",
                        "reap_detachedVMPastItsTimeToLive_isRemoved",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "reap_programThatDied_removesWhatItLeft"),
                wrong(
                        "what is reaped is not said",
                        reaping((right, world) -> {
                            right.reap();
                            return new ReapReport.Builder().build();
                        }),
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "reap_programThatDied_removesWhatItLeft"),
                wrong(
                        "VMs of living programs are reaped",
                        reaping((right, world) -> {
                            List<VM> vms = right.list();
                            vms.forEach(VM::destroy);
                            return right.reap();
                        }),
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "reap_vmsAndLaunchesOfLivingPrograms_areLeftAlone"),
                wrong(
                        "a detached VM has no time to live",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                return super.launch(
                                        options.detached() ? template.withTimeToLive(Optional.empty()) : template,
                                        options);
                            }
                        },
                        "reap_detachedVMPastItsTimeToLive_isRemoved",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "a detached VM may be idle for ever",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                return super.launch(
                                        options.detached() ? template.withIdleTimeout(Optional.empty()) : template,
                                        options);
                            }
                        },
                        "reap_detachedVMPastItsIdleTimeout_isRemoved"),
                wrong(
                        "a dry run removes",
                        dryRuns(right -> right.reap(false)),
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "a dry run finds nothing",
                        dryRuns(right -> new ReapReport.Builder().build()),
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "nothing is reaped and said",
                        reaping((right, world) -> new ReapReport.Builder()
                                .from(right.reap())
                                .addRemoved("nothing")
                                .build()),
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "reap_nothingLeft_isEmpty",
                        "reap_vmsAndLaunchesOfLivingPrograms_areLeftAlone"));
    }

    private static List<WrongFake> closings() {
        return List.of(
                wrong(
                        "closing leaves attached VMs",
                        (world, right) -> new SpoiltHypervisor(right) {
                            private final AtomicBoolean closed = new AtomicBoolean();

                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                requireOpen();
                                return super.launch(template, options);
                            }

                            @Override
                            public Optional<VM> find(String name) {
                                requireOpen();
                                return super.find(name);
                            }

                            @Override
                            public List<VM> list() {
                                requireOpen();
                                return super.list();
                            }

                            @Override
                            public Images images() {
                                requireOpen();
                                return super.images();
                            }

                            @Override
                            public ReapReport reap(boolean dryRun) {
                                requireOpen();
                                return super.reap(dryRun);
                            }

                            private void requireOpen() {
                                if (closed.get()) {
                                    throw new HypervisorUnavailableException("closed", CONTEXT);
                                }
                            }

                            @Override
                            public void close() {
                                closed.set(true);
                            }
                        },
                        "closeHypervisor_attachedVMs_areDestroyedAndDetachedLiveOn",
                        "events_ofAHypervisorThatIsClosed_endWithItsVMs",
                        "closeHypervisor_duringALaunch_undoesIt",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "closing destroys detached VMs",
                        (world, right) -> new SpoiltHypervisor(right) {
                            private final Set<VM> all = ConcurrentHashMap.newKeySet();

                            @Override
                            VM launched(VM vm) {
                                all.add(vm);
                                return vm;
                            }

                            @Override
                            public void close() {
                                all.forEach(VM::destroy);
                                super.close();
                            }
                        },
                        "closeHypervisor_attachedVMs_areDestroyedAndDetachedLiveOn",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing"),
                wrong(
                        "closing a hypervisor twice throws",
                        (world, right) -> new SpoiltHypervisor(right) {
                            private final AtomicBoolean closed = new AtomicBoolean();

                            @Override
                            public void close() {
                                if (closed.getAndSet(true)) {
                                    throw new HypervisorUnavailableException("closed", CONTEXT);
                                }
                                super.close();
                            }
                        },
                        "closeHypervisor_twice_doesNothing"),
                wrong(
                        "a closed hypervisor still finds",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public Optional<VM> find(String name) {
                                return world.host().find(name);
                            }
                        },
                        "events_ofAVMThatIsFound_areWhatThisProgramDoesToIt",
                        "closeHypervisor_thenUse_isRefused",
                        "pause_running_standsStillUntilItIsResumed",
                        "resume_duringALaunch_isRefused"),
                wrong(
                        "closing leaves what a launch under way has made",
                        failing(HypervisorUnavailableException.class, (world, e) -> {
                            world.litter().add("disk");
                            return e;
                        }),
                        "closeHypervisor_duringALaunch_undoesIt"),
                wrong(
                        "destroying twice throws",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void destroy() {
                                if (isGone()) {
                                    throw new VMDestroyedException("gone", CONTEXT);
                                }
                                super.destroy();
                            }
                        }),
                        "destroy_twice_doesNothing"),
                wrong(
                        "closing a VM twice throws",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void close() {
                                if (isGone()) {
                                    throw new VMDestroyedException("gone", CONTEXT);
                                }
                                super.close();
                            }
                        }),
                        "events_guestPowersOff_diedAndWasNotClosed",
                        "close_twiceAndAtOnce_doesNothing"),
                wrong(
                        "closing a VM leaves its address",
                        (world, right) -> spoilLaunched(right, vm -> new SpoiltVM(vm) {
                            @Override
                            public void close() {
                                if (!isGone()) {
                                    world.litter().add("address");
                                }
                                super.close();
                            }
                        }),
                        "close_attached_destroysItAndLeavesNothing",
                        "close_interruptedCaller_isDoneToItsEnd",
                        "close_twiceAndAtOnce_doesNothing",
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
                        "snapshot_ofAVMOfAnotherProgram_isRefused",
                        "snapshot_vmThatIsNotResettable_isRefusedInWords"),
                wrong(
                        "a second close does not wait for the first",
                        (world, right) -> spoilLaunched(right, vm -> new ClosedTooSoon(vm, world)),
                        "close_twiceAndAtOnce_doesNothing"),
                wrong(
                        "an interrupted caller closes nothing",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public void close() {
                                if (Thread.currentThread().isInterrupted()) {
                                    throw new AgentVMException("interrupted", CONTEXT);
                                }
                                super.close();
                            }
                        }),
                        "close_interruptedCaller_isDoneToItsEnd"),
                wrong(
                        "closing a detached VM destroys it",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            public VM launch(VMTemplate template, LaunchOptions options) {
                                VM vm = super.launch(template, options);
                                return options.detached()
                                        ? new SpoiltVM(vm) {
                                            @Override
                                            public void close() {
                                                destroy();
                                            }
                                        }
                                        : vm;
                            }
                        },
                        "close_detached_endsWhatWasStartedThroughThisHandleAlone",
                        "close_detached_leavesItToBeFoundAgain"));
    }

    private static ConnectionAttempt byTheDefault(ConnectionAttempt attempt) {
        return new ConnectionAttempt(
                attempt.time(),
                attempt.flow(),
                Optional.of(NetworkPolicy.agentDefault().evaluate(attempt.flow())));
    }

    private static List<WrongFake> lives() {
        return List.of(
                wrong(
                        "attempts are judged by the policy of the launch",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ConnectionLog connectionLog() {
                                ConnectionLog log = super.connectionLog();
                                return new ConnectionLog(
                                        log.attempts().stream()
                                                .map(WrongFakes::byTheDefault)
                                                .toList(),
                                        0,
                                        0,
                                        log.limitation());
                            }
                        }),
                        "connectionLog_attempts_haveTheVerdictsOfThePolicyInForceThen",
                        "restore_policyChangedSince_isTheOneInForce"),
                wrong(
                        "a VM that is gone forgets its attempts",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ConnectionLog connectionLog() {
                                return isGone() ? ConnectionLog.empty(Optional.empty()) : super.connectionLog();
                            }
                        }),
                        "connectionLog_ofAVMThatIsGone_isKept"),
                wrong(
                        "the log of an isolated VM asks for more",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ConnectionLog connectionLog() {
                                return attachment().isPresent()
                                        ? super.connectionLog()
                                        : ConnectionLog.empty(Optional.of("no tap"));
                            }
                        }),
                        "launch_isolated_hasNoNetwork"),
                wrong(
                        "a VM that is gone forgets its labels",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Map<String, String> labels() {
                                return isGone() ? Map.of() : super.labels();
                            }
                        }),
                        "gone_values_stillAnswer"),
                wrong(
                        "a VM that is gone does not say why",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Optional<String> endReason() {
                                return super.endReason().map(unused -> " ");
                            }
                        }),
                        "exec_guestPowersOff_throwsThatAndLeavesNothing",
                        "events_guestPowersOff_diedAndWasNotClosed",
                        "gone_values_stillAnswer",
                        "idleTimeout_over_endsTheVMUnlessACommandRuns",
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver",
                        "pause_timeToLiveOver_endsTheVM",
                        "timeToLive_over_endsTheVM"),
                wrong(
                        "calls on a VM that is gone fail in another way",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ExecResult exec(Command command) {
                                if (isGone()) {
                                    throw new GuestAgentException("no answer", CONTEXT);
                                }
                                return super.exec(command);
                            }
                        }),
                        "gone_calls_throwThatItIsDestroyed"),
                wrong(
                        "a running VM says why it ended",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public Optional<String> endReason() {
                                return super.endReason().or(() -> Optional.of("it runs"));
                            }
                        }),
                        "endReason_running_isEmpty"),
                wrong(
                        "every VM has ended when asked",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public boolean awaitEnd(Duration timeout) {
                                return true;
                            }
                        }),
                        "awaitEnd_interrupted_throwsAndKeepsTheInterrupt",
                        "awaitEnd_running_isFalseWhenTheTimeIsOver"),
                wrong(
                        "who waits for an end does not hear of it",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public boolean awaitEnd(Duration timeout) {
                                boolean gone = super.awaitEnd(Duration.ZERO);
                                boolean unused = super.awaitEnd(timeout);
                                return gone;
                            }
                        }),
                        "awaitEnd_endedMeanwhile_isTrueAtOnce",
                        "awaitEnd_longerThanClocksTell_isTrueAtTheEnd"),
                wrong(
                        "a wait of ages for an end is refused",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public boolean awaitEnd(Duration timeout) {
                                return super.awaitEnd(Duration.ofNanos(timeout.toNanos()));
                            }
                        }),
                        "awaitEnd_longerThanClocksTell_isTrueAtTheEnd"),
                wrong(
                        "who waits for an end takes no notice of an interrupt",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public boolean awaitEnd(Duration timeout) {
                                try {
                                    return super.awaitEnd(timeout);
                                } catch (AgentVMException e) {
                                    return false;
                                }
                            }
                        }),
                        "awaitEnd_interrupted_throwsAndKeepsTheInterrupt"),
                wrong(
                        "an attached VM has no time to live",
                        launching((template, launch) -> launch.apply(
                                template.name().equals("forgotten")
                                        ? template
                                        : template.withTimeToLive(Optional.empty()))),
                        "pause_timeToLiveOver_endsTheVM",
                        "reap_dryRun_saysWhatItWouldRemoveAndRemovesNothing",
                        "timeToLive_over_endsTheVM",
                        "timeToLive_over_isWhyForEveryHandle"),
                wrong(
                        "a VM is never idle",
                        launching((template, launch) -> launch.apply(template.withIdleTimeout(Optional.empty()))),
                        "idleTimeout_over_endsTheVMUnlessACommandRuns",
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver",
                        "reap_detachedVMPastItsIdleTimeout_isRemoved"),
                wrong(
                        "what another program does in a VM does not count as use",
                        (world, right) -> new SpoiltHypervisor(right) {
                            @Override
                            VM found(VM vm) {
                                return new SpoiltVM(vm) {
                                    @Override
                                    public ExecResult exec(Command command) {
                                        if (command.argv().get(0).equals("sleep")) {
                                            world.host().time().advance(Duration.ofSeconds(7));
                                            return result().exitCode(0).build();
                                        }
                                        return super.exec(command);
                                    }
                                };
                            }
                        },
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver"),
                wrong(
                        "only the program that ends a VM says why",
                        found(vm -> new SpoiltVM(vm) {
                            @Override
                            public ExecResult exec(Command command) {
                                if (isGone()) {
                                    throw new VMDestroyedException("The domain stopped (destroyed)", CONTEXT);
                                }
                                return super.exec(command);
                            }

                            @Override
                            public Optional<String> endReason() {
                                return super.endReason().map(unused -> "its domain stopped (destroyed)");
                            }
                        }),
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver",
                        "timeToLive_over_isWhyForEveryHandle"),
                wrong(
                        "a VM is idle while a command runs",
                        launching((template, launch) -> launch.apply(template.idleTimeout()
                                .map(template::withTimeToLive)
                                .orElse(template))),
                        "idleTimeout_over_endsTheVMUnlessACommandRuns",
                        "idleTimeout_vmUsedByAnotherProgram_isNotOver"));
    }

    private static List<WrongFake> commands() {
        return List.of(
                wrong(
                        "every program succeeds",
                        results(
                                command -> !command.argv().get(0).equals("pidof"),
                                (command, result) -> result.exitCode(0)),
                        "exec_programFails_givesItsExitCodeAndBothOutputs",
                        "exec_endedByASignal_saysWhich"),
                wrong(
                        "what programs write is lost",
                        results(
                                command -> true,
                                (command, result) -> result.stdout().stdoutOmission(Optional.empty())),
                        "exec_arguments_reachTheProgramUnread",
                        "exec_byManyThreads_givesEachItsOwn",
                        "exec_environment_isAddedToTheGuests",
                        "exec_moreOutputThanIsKept_isItsEndsAndHowMuchIsLeftOut",
                        "exec_moreOutputThanItsOwnLimit_isKilled",
                        "exec_processLeftBehind_holdsNothingUp",
                        "exec_programFails_givesItsExitCodeAndBothOutputs",
                        "exec_stdin_reachesTheProgramByteForByte",
                        "exec_user_isWhoItRunsAs",
                        "exec_workingDirectory_isWhereItStarts",
                        "files_write_isReadByteForByteByAllWhoRead",
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs",
                        "exec_eachOutput_hasALimitOfItsOwnToWhatIsKept",
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "errors are lost",
                        results(command -> true, (command, result) -> result.stderr()),
                        "exec_programFails_givesItsExitCodeAndBothOutputs",
                        "exec_eachOutput_hasALimitOfItsOwnToWhatIsKept"),
                wrong(
                        "standard input is cut off",
                        commands(command -> command.withStdin(
                                Arrays.copyOf(command.stdin(), Math.min(65_536, command.stdin().length)))),
                        "exec_moreOutputThanIsKept_isItsEndsAndHowMuchIsLeftOut",
                        "exec_stdin_reachesTheProgramByteForByte"),
                wrong(
                        "a shell reads the arguments",
                        commands(command -> command.withArgv(command.argv().stream()
                                .map(argument -> argument.replace("\"", ""))
                                .toList())),
                        "exec_arguments_reachTheProgramUnread"),
                wrong(
                        "the environment is lost",
                        commands(command -> command.withEnvironment(Map.of())),
                        "exec_environment_isAddedToTheGuests"),
                wrong(
                        "the user is another",
                        commands(command -> command.withUser(Optional.empty())),
                        "exec_userThatTheGuestLacks_isNotStarted",
                        "exec_user_isWhoItRunsAs"),
                wrong(
                        "the environment replaces the guest's",
                        results(
                                command -> command.argv().get(0).equals("env"),
                                (command, result) -> result.stdout("TOKEN=a b=c\n".getBytes(StandardCharsets.UTF_8))),
                        "exec_environment_isAddedToTheGuests",
                        "exec_user_isWhoItRunsAs"),
                wrong(
                        "the working directory is another",
                        commands(command -> command.withWorkingDirectory(
                                command.workingDirectory().map(unused -> "/"))),
                        "exec_directoryThatTheGuestLacks_isNotStarted",
                        "exec_workingDirectory_isWhereItStarts"),
                wrong(
                        "a program that is not there fails as a program",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (CommandStartException e) {
                                return result().exitCode(127).build();
                            }
                        }),
                        "events_commands_haveTheirOutcomeAndNoSecret",
                        "exec_directoryThatTheGuestLacks_isNotStarted",
                        "exec_programThatTheGuestLacks_isNotStarted",
                        "exec_userThatTheGuestLacks_isNotStarted"),
                wrong(
                        "a timeout is passed over",
                        commands(command -> command.withTimeout(Duration.ofDays(1))),
                        "events_commands_haveTheirOutcomeAndNoSecret",
                        "exec_longerThanItsTimeout_isKilled"),
                wrong(
                        "what ran too long lives on",
                        survivors(CommandTimeoutException.class),
                        "exec_longerThanItsTimeout_isKilled",
                        "timeout_over_endsWhatTheCommandHasStartedToo"),
                wrong(
                        "too much output is cut off",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (OutputLimitException e) {
                                return result().exitCode(0).build();
                            }
                        }),
                        "exec_moreOutputThanAllowed_isKilled",
                        "exec_moreOutputThanItsOwnLimit_isKilled"),
                wrong(
                        "what wrote too much lives on",
                        survivors(OutputLimitException.class),
                        "exec_moreOutputThanAllowed_isKilled"),
                wrong(
                        "what was interrupted lives on",
                        survivors(AgentVMException.class),
                        "exec_interrupted_isKilledAndKeepsTheInterrupt"),
                wrong(
                        "an interrupted command loses the interrupt",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (AgentVMException e) {
                                Thread.interrupted();
                                throw e;
                            }
                        }),
                        "exec_interrupted_isKilledAndKeepsTheInterrupt"),
                wrong(
                        "the end of a VM is taken for a silent agent",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (VMDestroyedException e) {
                                if (command.argv().contains("303")) {
                                    throw new GuestAgentException("silent", CONTEXT);
                                }
                                throw e;
                            }
                        }),
                        "exec_vmDestroyedMeanwhile_throwsThat"),
                wrong(
                        "the end of a guest is the end of its command",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (VMDestroyedException e) {
                                if (command.argv().contains("poweroff")) {
                                    return result().exitCode(0).build();
                                }
                                throw e;
                            }
                        }),
                        "events_guestPowersOff_diedAndWasNotClosed",
                        "exec_guestPowersOff_throwsThatAndLeavesNothing"),
                wrong(
                        "a process that is left holds its command up",
                        results(
                                command -> command.equals(HypervisorContract.LEAVES_A_PROCESS),
                                (command, result) -> result.duration(Duration.ofMinutes(10))),
                        "exec_processLeftBehind_holdsNothingUp"),
                wrong(
                        "time is not taken",
                        results(command -> true, (command, result) -> result.duration(Duration.ZERO)),
                        "exec_duration_isTheTimeThatItTook",
                        "pause_commandsUnderWay_standStillWithTheGuest"),
                wrong(
                        "threads get each other's output",
                        launched(vm -> new SpoiltVM(vm) {
                            private final Map<String, ExecResult> first = new ConcurrentHashMap<>();

                            @Override
                            public ExecResult exec(Command command) {
                                ExecResult own = super.exec(command);
                                if (!command.argv().get(0).equals("echo")) {
                                    return own;
                                }
                                return first.computeIfAbsent("echo", unused -> own);
                            }
                        }),
                        "exec_byManyThreads_givesEachItsOwn",
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs"));
    }

    private static List<WrongFake> images() {
        return List.of(
                wrong(
                        "an image is not copied",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
                                StoredImage stored = super.add(name, image, sha256);
                                return new StoredImage.Builder()
                                        .name(name)
                                        .image(image)
                                        .files(stored.files())
                                        .build();
                            }
                        }),
                        "addImage_files_areThereForEveryProgramWithTheirSums",
                        "addImage_nameTaken_isRefusedAndKeepsTheOther"),
                wrong(
                        "sums are not checked",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
                                return super.add(name, image, Map.of());
                            }
                        }),
                        "addImage_otherSumThanSaid_isRefusedAndLeavesNothing",
                        "addImage_sumOfAnotherFile_isRefused"),
                wrong(
                        "an image takes another's place",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
                                if (!(image instanceof NamedImage)) {
                                    remove(name);
                                }
                                return super.add(name, image, sha256);
                            }
                        }),
                        "addImage_nameTaken_isRefusedAndKeepsTheOther"),
                wrong(
                        "a file that is missing is left out",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
                                return super.add(
                                        name,
                                        image instanceof KernelImage kernel
                                                ? kernel.withInitrd(Optional.empty())
                                                : image,
                                        sha256);
                            }
                        }),
                        "addImage_fileMissing_isRefusedAndLeavesNothing"),
                wrong(
                        "a name is taken for an image",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
                                return image instanceof NamedImage ? list().get(0) : super.add(name, image, sha256);
                            }
                        }),
                        "addImage_ofAName_isRefused"),
                wrong(
                        "a removal that does nothing says that it did",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public boolean remove(String name) {
                                super.remove(name);
                                return true;
                            }
                        }),
                        "removeImage_unused_isGoneForEveryProgram"),
                wrong(
                        "an image is removed under a VM",
                        storing(images -> new SpoiltImages(images) {
                            @Override
                            public boolean remove(String name) {
                                try {
                                    return super.remove(name);
                                } catch (ImageInUseException e) {
                                    return true;
                                }
                            }
                        }),
                        "removeImage_usedByAVM_isRefusedUntilItEnds"));
    }

    /** Spoils what is done with images. */
    private static BiFunction<World, Hypervisor, Hypervisor> storing(UnaryOperator<Images> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            private final Images images = spoil.apply(right.images());

            @Override
            public Images images() {
                return images;
            }
        };
    }

    private static List<WrongFake> processes() {
        return List.of(
                wrong(
                        "a command's own limit is passed over",
                        commands(command -> command.outputLimit().excess() == OutputLimit.Excess.FAIL
                                ? command.withOutputLimit(OutputLimit.fail(Command.MAX_OUTPUT_BYTES))
                                : command),
                        "exec_moreOutputThanItsOwnLimit_isKilled"),
                wrong(
                        "nothing is left out of an output",
                        commands(command -> command.withOutputLimit(OutputLimit.fail(Command.MAX_OUTPUT_BYTES))),
                        "exec_moreOutputThanIsKept_isItsEndsAndHowMuchIsLeftOut",
                        "exec_moreOutputThanItsOwnLimit_isKilled",
                        "exec_eachOutput_hasALimitOfItsOwnToWhatIsKept"),
                wrong(
                        "what is left out is not told",
                        execs((exec, command) -> {
                            ExecResult right = exec.apply(command);
                            return result().exitCode(right.exitCode())
                                    .signal(right.signal())
                                    .stdout(right.stdout())
                                    .stderr(right.stderr())
                                    .duration(right.duration())
                                    .build();
                        }),
                        "exec_moreOutputThanIsKept_isItsEndsAndHowMuchIsLeftOut",
                        "exec_eachOutput_hasALimitOfItsOwnToWhatIsKept"),
                wrong(
                        "output comes with the end only",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stdout() {
                                return reading(super.stdout(), (stream, bytes) -> {
                                    ExitStatus unused = waitFor();
                                    return stream.read(bytes);
                                });
                            }
                        }),
                        "start_moreOutputThanIsBuffered_doesNotEndUntilItIsRead",
                        "start_outputThatNobodyReads_holdsItUpUntilItIsRead",
                        "start_output_isThereWhileTheProgramRuns",
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs",
                        "start_inputThatIsNotTakenUp_holdsItsWriterUp"),
                wrong(
                        "the command's own input is lost",
                        starting((start, command) -> start.apply(command.withStdin())),
                        "start_stdinOpen_isWaitedForUntilItIsClosed"),
                wrong(
                        "standard input is closed from the beginning",
                        starting((start, command) -> {
                            VMProcess process = start.apply(command);
                            try {
                                process.stdin().close();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                            return process;
                        }),
                        "start_bytes_goThroughUnchanged",
                        "start_output_isThereWhileTheProgramRuns",
                        "start_reader_doesNotBreakCharacters",
                        "start_severalAtOnce_eachHasItsOwnStreams",
                        "start_stdinOpen_isWaitedForUntilItIsClosed",
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs",
                        "destroy_whileOthersWait_isToldToEachOfThemSoon",
                        "start_errors_areThereWhileTheProgramRunsAndApart",
                        "start_inputThatIsNotTakenUp_holdsItsWriterUp"),
                wrong(
                        "bytes that are not ASCII are lost",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stdout() {
                                return reading(super.stdout(), (stream, bytes) -> {
                                    int count = stream.read(bytes);
                                    for (int i = 0; i < count; i++) {
                                        bytes[i] = bytes[i] < 0 ? (byte) '?' : bytes[i];
                                    }
                                    return count;
                                });
                            }
                        }),
                        "start_bytes_goThroughUnchanged",
                        "start_reader_doesNotBreakCharacters",
                        "start_inputThatIsNotTakenUp_holdsItsWriterUp"),
                wrong(
                        "each byte is a character",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public BufferedReader stdoutReader() {
                                return new BufferedReader(new InputStreamReader(stdout(), StandardCharsets.ISO_8859_1));
                            }
                        }),
                        "start_reader_doesNotBreakCharacters"),
                wrong(
                        "errors of what is started are lost",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stderr() {
                                return InputStream.nullInputStream();
                            }
                        }),
                        "start_programFails_givesItsExitCodeAndErrors",
                        "destroy_whileOthersWait_isToldToEachOfThemSoon",
                        "start_errors_areThereWhileTheProgramRunsAndApart"),
                wrong(
                        "whatever is started succeeds",
                        ends(status -> status.exitCode().isPresent() ? ExitStatus.exited(0) : status),
                        "start_programFails_givesItsExitCodeAndErrors"),
                wrong(
                        "what cannot be started fails as a program",
                        starting((start, command) -> {
                            try {
                                return start.apply(command);
                            } catch (CommandStartException e) {
                                return start.apply(Command.of("false"));
                            }
                        }),
                        "start_directoryThatTheGuestLacks_isNotStarted",
                        "start_programThatTheGuestLacks_isNotStarted",
                        "start_userThatTheGuestLacks_isNotStarted"),
                wrong(
                        "a signal is an exit code",
                        ends(status -> status.signal().isPresent()
                                ? ExitStatus.exited(128 + status.signal().getAsInt())
                                : status),
                        "start_killed_endsBySignal9AndKillingAgainDoesNothing",
                        "start_signal_endsItAndIsTold",
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "signals that are none are passed over",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public void signal(int number) {
                                if (number >= 1 && number <= 64) {
                                    super.signal(number);
                                }
                            }
                        }),
                        "start_signal_endsItAndIsTold"),
                wrong(
                        "a signal is not sent",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public void signal(int number) {
                                if (number != 15) {
                                    super.signal(number);
                                }
                            }
                        }),
                        "start_onExit_isCompletedByTheEndAndBelongsToTheCaller",
                        "start_signal_endsItAndIsTold",
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "a kill is a request",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public void kill() {
                                signal(15);
                            }
                        }),
                        "start_killed_endsBySignal9AndKillingAgainDoesNothing",
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "what is closed runs on",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public void close() {
                                // That is the fault.
                            }
                        }),
                        "start_closed_isKilledAndItsStreamsAreClosed",
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "streams of what is closed stay open",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public void close() {
                                kill();
                            }
                        }),
                        "start_closed_isKilledAndItsStreamsAreClosed"),
                wrong(
                        "output that nobody reads holds nothing up",
                        started(process -> new SpoiltProcess(process) {
                            private final boolean ends = command().argv().contains("/dev/zero");
                            private final byte[] all = ends ? readAll(process.stdout()) : new byte[0];

                            @Override
                            public InputStream stdout() {
                                return ends ? new ByteArrayInputStream(all) : super.stdout();
                            }
                        }),
                        "start_moreOutputThanIsBuffered_doesNotEndUntilItIsRead"),
                wrong(
                        "output that nobody reads is thrown away",
                        started(process -> new SpoiltProcess(process) {
                            private boolean first = true;

                            @Override
                            public InputStream stdout() {
                                return reading(super.stdout(), (stream, bytes) -> {
                                    if (first && command().argv().equals(List.of("yes"))) {
                                        first = false;
                                        stream.skipNBytes(1);
                                    }
                                    return stream.read(bytes);
                                });
                            }
                        }),
                        "start_outputThatNobodyReads_holdsItUpUntilItIsRead"),
                wrong(
                        "the timeout of what is started is passed over",
                        starting((start, command) -> start.apply(command.withTimeout(Duration.ofDays(1)))),
                        "pause_commandsTimeout_runsOn",
                        "start_longerThanItsTimeout_isKilledAndSaysSo"),
                wrong(
                        "that a timeout was over is not said",
                        ends(status -> status.failure().orElse(null) instanceof CommandTimeoutException
                                ? ExitStatus.signaled(9)
                                : status),
                        "pause_commandsTimeout_runsOn",
                        "start_longerThanItsTimeout_isKilledAndSaysSo",
                        "timeout_over_endsWhatTheCommandHasStartedToo"),
                wrong(
                        "output cannot be read any more when the end is told",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public CompletableFuture<ExitStatus> onExit() {
                                return super.onExit().thenApply(status -> {
                                    if (command().argv().contains("1000000")) {
                                        close();
                                    }
                                    return status;
                                });
                            }
                        }),
                        "start_onExitCallbackThatReads_getsAllOfTheOutput"),
                wrong(
                        "what ends with its handle does not say so",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public ExitStatus waitFor() {
                                ExitStatus status = super.waitFor();
                                return command().argv().contains("311") ? ExitStatus.signaled(9) : status;
                            }
                        }),
                        "close_detached_endsWhatWasStartedThroughThisHandleAlone"),
                wrong(
                        "one may complete the end for all",
                        started(process -> new SpoiltProcess(process) {
                            private final CompletableFuture<ExitStatus> shared = super.onExit();

                            @Override
                            public CompletableFuture<ExitStatus> onExit() {
                                return shared;
                            }
                        }),
                        "start_onExit_isCompletedByTheEndAndBelongsToTheCaller"),
                wrong(
                        "what waits for a process kills it when interrupted",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public ExitStatus waitFor() {
                                try {
                                    return super.waitFor();
                                } catch (AgentVMException e) {
                                    kill();
                                    throw e;
                                }
                            }
                        }),
                        "start_waiterInterrupted_keepsTheInterruptAndLetsItRun"),
                wrong(
                        "what waits for a process loses the interrupt",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public ExitStatus waitFor() {
                                try {
                                    return super.waitFor();
                                } catch (AgentVMException e) {
                                    Thread.interrupted();
                                    throw e;
                                }
                            }
                        }),
                        "start_waiterInterrupted_keepsTheInterruptAndLetsItRun"),
                wrong(
                        "the end of a VM is the end of its programs",
                        ends(status -> status.failure().orElse(null) instanceof VMDestroyedException
                                ? ExitStatus.exited(0)
                                : status),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"),
                wrong(
                        "the end of a VM is the end of an output",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stdout() {
                                return reading(super.stdout(), (stream, bytes) -> {
                                    try {
                                        return stream.read(bytes);
                                    } catch (IOException e) {
                                        if (e.getCause() instanceof VMDestroyedException) {
                                            return -1;
                                        }
                                        throw e;
                                    }
                                });
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"),
                wrong(
                        "a process that is left is heard",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stdout() {
                                return command().equals(HypervisorContract.LEAVES_A_PROCESS)
                                        ? new SequenceInputStream(super.stdout(), new ByteArrayInputStream(new byte[1]))
                                        : super.stdout();
                            }
                        }),
                        "start_processLeftBehind_holdsNothingUp"),
                wrong(
                        "processes share an output",
                        launched(vm -> new SpoiltVM(vm) {
                            private final Map<String, VMProcess> first = new ConcurrentHashMap<>();

                            @Override
                            public VMProcess start(Command command) {
                                VMProcess own = super.start(command);
                                VMProcess shared = first.computeIfAbsent("first", unused -> own);
                                return new SpoiltProcess(own) {
                                    @Override
                                    public InputStream stdout() {
                                        return shared.stdout();
                                    }
                                };
                            }
                        }),
                        "start_severalAtOnce_eachHasItsOwnStreams",
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs",
                        "start_command_isRunAsItSays"),
                wrong(
                        "the end of a VM is not said to who starts a command",
                        starting((start, command) -> {
                            try {
                                return start.apply(command);
                            } catch (VMDestroyedException e) {
                                throw new GuestAgentException("silent", CONTEXT);
                            }
                        }),
                        "gone_calls_throwThatItIsDestroyed"));
    }

    /** Spoils how commands are started. */
    static BiFunction<World, Hypervisor, Hypervisor> starting(
            BiFunction<Function<Command, VMProcess>, Command, VMProcess> spoil) {
        return launched(vm -> new SpoiltVM(vm) {
            @Override
            public VMProcess start(Command command) {
                return spoil.apply(super::start, command);
            }
        });
    }

    /** Spoils what is started. */
    static BiFunction<World, Hypervisor, Hypervisor> started(UnaryOperator<VMProcess> spoil) {
        return starting((start, command) -> spoil.apply(start.apply(command)));
    }

    /** Spoils what who waits is told of the end. */
    private static BiFunction<World, Hypervisor, Hypervisor> ends(UnaryOperator<ExitStatus> spoil) {
        return started(process -> new SpoiltProcess(process) {
            @Override
            public ExitStatus waitFor() {
                return spoil.apply(super.waitFor());
            }

            @Override
            public Optional<ExitStatus> waitFor(Duration timeout) {
                return super.waitFor(timeout).map(spoil);
            }
        });
    }

    interface Read {
        int read(InputStream stream, byte[] bytes) throws IOException;
    }

    static InputStream reading(InputStream right, Read read) {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read.read(right, one) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                byte[] bytes = new byte[length];
                int count = read.read(right, bytes);
                System.arraycopy(bytes, 0, into, offset, Math.max(0, count));
                return count;
            }
        };
    }

    static WrongFake wrong(String fault, BiFunction<World, Hypervisor, Hypervisor> spoil, String... noticedBy) {
        return new WrongFake(fault, Set.of(noticedBy), spoil);
    }

    /** Spoils what launches give. */
    static BiFunction<World, Hypervisor, Hypervisor> launched(UnaryOperator<VM> spoil) {
        return (world, right) -> spoilLaunched(right, spoil);
    }

    private static Hypervisor spoilLaunched(Hypervisor right, UnaryOperator<VM> spoil) {
        return new SpoiltHypervisor(right) {
            @Override
            VM launched(VM vm) {
                return spoil.apply(vm);
            }
        };
    }

    /** Spoils what searches give. */
    static BiFunction<World, Hypervisor, Hypervisor> found(UnaryOperator<VM> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            VM found(VM vm) {
                return spoil.apply(vm);
            }
        };
    }

    /** Spoils what is launched. */
    private static BiFunction<World, Hypervisor, Hypervisor> launching(
            BiFunction<VMTemplate, Function<VMTemplate, VM>, VM> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public VM launch(VMTemplate template, LaunchOptions options) {
                return spoil.apply(template, changed -> super.launch(changed, options));
            }
        };
    }

    /** Spoils what listeners hear. */
    private static BiFunction<World, Hypervisor, Hypervisor> listening(UnaryOperator<LaunchListener> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public VM launch(VMTemplate template, LaunchOptions options) {
                return super.launch(
                        template, options.withListener(options.listener().map(spoil)));
            }
        };
    }

    /** Spoils how launches fail. */
    private static <E extends AgentVMException> BiFunction<World, Hypervisor, Hypervisor> failing(
            Class<E> type, BiFunction<World, AgentVMException, AgentVMException> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public VM launch(VMTemplate template, LaunchOptions options) {
                try {
                    return super.launch(template, options);
                } catch (AgentVMException e) {
                    throw type.isInstance(e) ? spoil.apply(world, e) : e;
                }
            }
        };
    }

    private static BiFunction<World, Hypervisor, Hypervisor> dryRuns(Function<Hypervisor, ReapReport> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public ReapReport reap(boolean dryRun) {
                return dryRun ? spoil.apply(right) : super.reap(false);
            }
        };
    }

    private static BiFunction<World, Hypervisor, Hypervisor> reaping(BiFunction<Hypervisor, World, ReapReport> spoil) {
        return (world, right) -> new SpoiltHypervisor(right) {
            @Override
            public ReapReport reap(boolean dryRun) {
                // A closed one refuses in any case.
                List<VM> unused = right.list();
                return dryRun ? right.reap(true) : spoil.apply(right, world);
            }
        };
    }

    /** Spoils how commands are run. */
    static BiFunction<World, Hypervisor, Hypervisor> execs(
            BiFunction<Function<Command, ExecResult>, Command, ExecResult> spoil) {
        return launched(vm -> new SpoiltVM(vm) {
            @Override
            public ExecResult exec(Command command) {
                return spoil.apply(super::exec, command);
            }
        });
    }

    static BiFunction<World, Hypervisor, Hypervisor> commands(UnaryOperator<Command> spoil) {
        return execs((exec, command) -> exec.apply(spoil.apply(command)));
    }

    static BiFunction<World, Hypervisor, Hypervisor> results(
            Predicate<Command> which, BiFunction<Command, ExecResult.Builder, Object> spoil) {
        return execs((exec, command) -> {
            ExecResult right = exec.apply(command);
            if (!which.test(command)) {
                return right;
            }
            ExecResult.Builder result = result().exitCode(right.exitCode())
                    .signal(right.signal())
                    .stdout(right.stdout())
                    .stdoutOmission(right.stdoutOmission())
                    .stderr(right.stderr())
                    .stderrOmission(right.stderrOmission())
                    .duration(right.duration());
            Object unused = spoil.apply(command, result);
            return result.build();
        });
    }

    /** What failed so is still seen in the guest. */
    private static BiFunction<World, Hypervisor, Hypervisor> survivors(Class<? extends AgentVMException> type) {
        return launched(vm -> new SpoiltVM(vm) {
            private final AtomicBoolean alive = new AtomicBoolean();

            @Override
            public ExecResult exec(Command command) {
                if (alive.get() && command.argv().get(0).equals("pidof")) {
                    return result().exitCode(0).build();
                }
                try {
                    return super.exec(command);
                } catch (AgentVMException e) {
                    alive.compareAndSet(false, e.getClass() == type);
                    throw e;
                }
            }
        });
    }

    static ExecResult.Builder result() {
        ExecResult.Builder result = new ExecResult.Builder();
        result.stdout().stderr().duration(Duration.ZERO);
        return result;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class FirstLooksLikeStarting extends SpoiltVM {
        private final AtomicBoolean asked = new AtomicBoolean();

        private FirstLooksLikeStarting(VM right) {
            super(right);
        }

        @Override
        public VMState state() {
            return asked.getAndSet(true) || isGone() ? super.state() : VMState.STARTING;
        }
    }

    /** The first to close it lets the second go before all is gone. */
    static byte[] readAll(InputStream stream) {
        try {
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class ClosedTooSoon extends SpoiltVM {
        private final World world;
        private final AtomicBoolean closing = new AtomicBoolean();
        private final CountDownLatch second = new CountDownLatch(1);

        private ClosedTooSoon(VM right, World world) {
            super(right);
            this.world = world;
        }

        @Override
        public void close() {
            if (!name().equals("closed-at-once")) {
                super.close();
            } else if (closing.getAndSet(true)) {
                second.countDown();
            } else {
                world.litter().add("disk");
                super.close();
                try {
                    boolean unused = second.await(1, TimeUnit.MINUTES);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }
}
