package dev.agentvm.testkit;

import static dev.agentvm.testkit.WrongFakes.commands;
import static dev.agentvm.testkit.WrongFakes.execs;
import static dev.agentvm.testkit.WrongFakes.launched;
import static dev.agentvm.testkit.WrongFakes.readAll;
import static dev.agentvm.testkit.WrongFakes.reading;
import static dev.agentvm.testkit.WrongFakes.result;
import static dev.agentvm.testkit.WrongFakes.results;
import static dev.agentvm.testkit.WrongFakes.started;
import static dev.agentvm.testkit.WrongFakes.starting;
import static dev.agentvm.testkit.WrongFakes.wrong;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.CommandTimeoutException;
import dev.agentvm.ExecResult;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMProcess;
import dev.agentvm.testkit.WrongFakes.World;
import dev.agentvm.testkit.WrongFakes.WrongFake;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;

/** Fakes whose commands break one promise each: how they run, what they leave, who hears; as {@link WrongFakes}. */
final class WrongCommands {
    private static final FailureContext CONTEXT = FailureContext.of("test");

    private WrongCommands() {}

    static List<WrongFake> all() {
        List<WrongFake> all = new ArrayList<>();
        all.addAll(runs());
        all.addAll(inputs());
        all.addAll(survivors());
        all.addAll(crowds());
        all.addAll(endsOfTheVM());
        return all;
    }

    private static List<WrongFake> runs() {
        return List.of(
                wrong(
                        "a command waits for input that nobody gives",
                        commands(command -> command.argv().equals(List.of("cat")) && command.stdin().length == 0
                                ? command.withArgv("sleep", "3000")
                                : command),
                        "exec_stdinNotSaid_isAtItsEnd"),
                wrong(
                        "a signal is an exit code of what is executed",
                        execs((exec, command) -> {
                            ExecResult right = exec.apply(command);
                            return right.signal().isPresent()
                                    ? result().exitCode(128 + right.signal().getAsInt())
                                            .build()
                                    : right;
                        }),
                        "exec_endedByASignal_saysWhich"),
                wrong(
                        "what is left out of errors is not told",
                        results(command -> true, (command, result) -> result.stderrOmission(Optional.empty())),
                        "exec_eachOutput_hasALimitOfItsOwnToWhatIsKept"),
                wrong(
                        "what is started runs as another user",
                        starting((start, command) -> start.apply(command.withUser(Optional.empty()))),
                        "start_command_isRunAsItSays",
                        "start_userThatTheGuestLacks_isNotStarted"),
                wrong(
                        "the environment of what is started is lost",
                        starting((start, command) -> start.apply(command.withEnvironment(Map.of()))),
                        "start_command_isRunAsItSays"),
                wrong(
                        "the working directory of what is started is another",
                        starting((start, command) -> start.apply(command.withWorkingDirectory(
                                command.workingDirectory().map(unused -> "/")))),
                        "start_command_isRunAsItSays",
                        "start_directoryThatTheGuestLacks_isNotStarted"),
                wrong(
                        "output of what is started is cut off at its limit",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stdout() {
                                int limit = command().outputLimit().bytes();
                                return limit == Command.MAX_OUTPUT_BYTES
                                        ? super.stdout()
                                        : new ByteArrayInputStream(Arrays.copyOf(readAll(super.stdout()), limit));
                            }
                        }),
                        "start_outputLimit_isNotMeant"),
                wrong(
                        "errors come with the end only",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stderr() {
                                return reading(super.stderr(), (stream, bytes) -> {
                                    ExitStatus unused = waitFor();
                                    return stream.read(bytes);
                                });
                            }
                        }),
                        "start_errors_areThereWhileTheProgramRunsAndApart"),
                wrong(
                        "errors are among the output",
                        started(process -> new SpoiltProcess(process) {
                            private final InputStream both =
                                    new SequenceInputStream(process.stderr(), process.stdout());

                            @Override
                            public InputStream stdout() {
                                return command().equals(HypervisorContract.ERRS_AND_COPIES) ? both : super.stdout();
                            }
                        }),
                        "start_errors_areThereWhileTheProgramRunsAndApart"));
    }

    private static List<WrongFake> inputs() {
        return List.of(
                wrong(
                        "input that nobody takes up is lost",
                        writing((stdin, bytes) -> {
                            if (bytes.length < 3_000_000) {
                                stdin.write(bytes);
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon",
                        "start_inputThatIsNotTakenUp_holdsItsWriterUp"),
                wrong(
                        "input of what has ended is lost",
                        writing((stdin, bytes) -> {
                            try {
                                stdin.write(bytes);
                            } catch (IOException e) {
                                if (e.getCause() != null) {
                                    throw e;
                                }
                            }
                        }),
                        "start_closed_isKilledAndItsStreamsAreClosed",
                        "start_inputOfWhatHasEnded_isRefused"),
                wrong(
                        "who writes is not told of the end of the VM",
                        writing((stdin, bytes) -> {
                            try {
                                stdin.write(bytes);
                            } catch (IOException e) {
                                if (!(e.getCause() instanceof VMDestroyedException)) {
                                    throw e;
                                }
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"));
    }

    /** What a command has started lives on. */
    private static List<WrongFake> survivors() {
        return List.of(
                wrong(
                        "a kill ends the program alone",
                        orphaning((process, leave) -> new SpoiltProcess(process) {
                            @Override
                            public void kill() {
                                super.kill();
                                leave.run();
                            }
                        }),
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "closing ends the program alone",
                        orphaning((process, leave) -> new SpoiltProcess(process) {
                            @Override
                            public void close() {
                                super.close();
                                leave.run();
                            }
                        }),
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "a signal reaches the program alone",
                        orphaning((process, leave) -> new SpoiltProcess(process) {
                            @Override
                            public void signal(int number) {
                                super.signal(number);
                                leave.run();
                            }
                        }),
                        "start_endedByForce_endsWhatItHasStartedToo"),
                wrong(
                        "the timeout of what is started ends the program alone",
                        orphaning((process, leave) -> new SpoiltProcess(process) {
                            @Override
                            public ExitStatus waitFor() {
                                ExitStatus status = super.waitFor();
                                if (status.failure().orElse(null) instanceof CommandTimeoutException) {
                                    leave.run();
                                }
                                return status;
                            }
                        }),
                        "timeout_over_endsWhatTheCommandHasStartedToo"),
                wrong(
                        "the timeout of what is executed ends the program alone",
                        launched(vm -> new SpoiltVM(vm) {
                            @Override
                            public ExecResult exec(Command command) {
                                try {
                                    return super.exec(command);
                                } catch (CommandTimeoutException e) {
                                    if (startsAProcess(command)) {
                                        leaveAProcess(vm);
                                    }
                                    throw e;
                                }
                            }
                        }),
                        "timeout_over_endsWhatTheCommandHasStartedToo"));
    }

    private static List<WrongFake> crowds() {
        return List.of(
                wrong(
                        "no more than sixteen commands run at once",
                        launched(vm -> new SpoiltVM(vm) {
                            private final Semaphore places = new Semaphore(16);

                            @Override
                            public VMProcess start(Command command) {
                                boolean unused = acquire(places);
                                return new SpoiltProcess(super.start(command)) {
                                    @Override
                                    public void close() {
                                        super.close();
                                        places.release();
                                    }
                                };
                            }
                        }),
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs"),
                wrong(
                        "an agent with many commands takes no other",
                        launched(vm -> new SpoiltVM(vm) {
                            private final AtomicInteger started = new AtomicInteger();

                            @Override
                            public VMProcess start(Command command) {
                                started.incrementAndGet();
                                return super.start(command);
                            }

                            @Override
                            public ExecResult exec(Command command) {
                                if (started.get() > 16) {
                                    throw new GuestAgentException("busy", CONTEXT);
                                }
                                return super.exec(command);
                            }
                        }),
                        "commands_manyAtOnce_allMakeProgressAndHaveTheirOwnOutputs"));
    }

    private static List<WrongFake> endsOfTheVM() {
        return List.of(
                wrong(
                        "who executes is told late of the end of the VM",
                        execs((exec, command) -> {
                            try {
                                return exec.apply(command);
                            } catch (VMDestroyedException e) {
                                if (command.argv().contains("318")) {
                                    passTooLong();
                                }
                                throw e;
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"),
                wrong(
                        "who waits for a process is told late of the end of the VM",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public Optional<ExitStatus> waitFor(Duration timeout) {
                                Optional<ExitStatus> status = super.waitFor(timeout);
                                if (command().argv().contains("310")) {
                                    passTooLong();
                                }
                                return status;
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"),
                wrong(
                        "what waits for the end of a process is told late of the end of the VM",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public CompletableFuture<ExitStatus> onExit() {
                                return super.onExit().thenApplyAsync(status -> {
                                    if (command().argv().contains("310")) {
                                        passTooLong();
                                    }
                                    return status;
                                });
                            }
                        }),
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"),
                wrong(
                        "the end of a VM is the end of errors",
                        started(process -> new SpoiltProcess(process) {
                            @Override
                            public InputStream stderr() {
                                return reading(super.stderr(), (stream, bytes) -> {
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
                        "destroy_whileOthersWait_isToldToEachOfThemSoon"));
    }

    private interface Write {
        void write(OutputStream stdin, byte[] bytes) throws IOException;
    }

    /** Spoils how input is written. */
    private static BiFunction<World, Hypervisor, Hypervisor> writing(Write write) {
        return started(process -> new SpoiltProcess(process) {
            @Override
            public OutputStream stdin() {
                OutputStream right = super.stdin();
                return new OutputStream() {
                    @Override
                    public void write(int one) throws IOException {
                        write(new byte[] {(byte) one}, 0, 1);
                    }

                    @Override
                    public void write(byte[] bytes, int offset, int length) throws IOException {
                        write.write(right, Arrays.copyOfRange(bytes, offset, offset + length));
                    }

                    @Override
                    public void close() throws IOException {
                        right.close();
                    }
                };
            }
        });
    }

    /** Spoils what {@link HypervisorContract#STARTS_A_PROCESS} leaves in the guest. */
    private static BiFunction<World, Hypervisor, Hypervisor> orphaning(
            BiFunction<VMProcess, Runnable, VMProcess> spoil) {
        return launched(vm -> new SpoiltVM(vm) {
            @Override
            public VMProcess start(Command command) {
                VMProcess right = super.start(command);
                return startsAProcess(command) ? spoil.apply(right, () -> leaveAProcess(vm)) : right;
            }
        });
    }

    private static boolean startsAProcess(Command command) {
        return command.argv().equals(HypervisorContract.STARTS_A_PROCESS.argv());
    }

    private static void leaveAProcess(VM vm) {
        VMProcess unused = vm.start(Command.of("sleep", "317"));
    }

    private static boolean acquire(Semaphore places) {
        try {
            return places.tryAcquire(1, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException("interrupted", CONTEXT, e);
        }
    }

    /** Longer than the end of a VM may take to be heard of. */
    private static void passTooLong() {
        try {
            Thread.sleep(
                    HypervisorContractPowerTest.Contract.PROMPT.plusMillis(100).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
