package dev.agentvm;

import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A program that runs in a VM, started by {@link VM#start}; what {@link Process} is for one on this machine. Safe for
 * use by many threads.
 *
 * <p>What it writes must be read, or the stream closed: about a MiB of each output is buffered here and as much in the
 * guest, then the program is held up, as by any pipe. It runs until it ends by itself, or its {@link Command#timeout}
 * is over, or it is killed, or its VM is gone. Processes that it leaves running hold nothing up; what they write after
 * its end is lost.
 */
public interface VMProcess extends AutoCloseable {
    /** What was started. */
    Command command();

    /**
     * What it writes to its standard output, as it comes; ends when the program has ended. Reading throws {@link
     * java.io.IOException}, with an {@link AgentVMException} for its cause, if output may be missing: the VM is gone, or
     * its agent fails. After this stream is closed, output is thrown away, and does not hold the program up.
     *
     * @return the same stream each time
     */
    InputStream stdout();

    /** What it writes to its standard error; as {@link #stdout}. */
    InputStream stderr();

    /**
     * What it reads from its standard input, after {@link Command#stdin}. Until this stream is closed, a program that
     * reads to the end of its input goes on waiting. Writing waits while some hundred KiB are not read, and throws {@link
     * java.io.IOException} when the program has ended or has closed its input.
     *
     * @return the same stream each time
     */
    OutputStream stdin();

    /** Its standard output in UTF-8, whole characters at a time; malformed bytes become U+FFFD. Call it once. */
    default BufferedReader stdoutReader() {
        return new BufferedReader(new InputStreamReader(stdout(), StandardCharsets.UTF_8));
    }

    /** Its standard error, as {@link #stdoutReader}. */
    default BufferedReader stderrReader() {
        return new BufferedReader(new InputStreamReader(stderr(), StandardCharsets.UTF_8));
    }

    /** Whether its end is not known yet. */
    default boolean isAlive() {
        return !onExit().isDone();
    }

    /**
     * Waits for its end. Its output may still have to be read then.
     *
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set; the program runs on
     */
    ExitStatus waitFor();

    /**
     * Waits for its end.
     *
     * @param timeout how long to wait at most; the program runs on when it is over
     * @return how it ended, or empty if it did not in that time
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set; the program runs on
     */
    Optional<ExitStatus> waitFor(Duration timeout);

    /** Completed with its end, and never with an exception; a copy, which a caller may complete or cancel. */
    CompletableFuture<ExitStatus> onExit();

    /**
     * Sends a signal to the program and to the processes of its group, as a terminal does. Does nothing when it has ended.
     *
     * @param number 1 to 64 in the guest's numbering: 2 interrupts, 15 asks to end, 1 often to read settings anew
     * @throws InvalidValueException if there is no such signal
     * @throws GuestAgentException if the guest's agent is silent, or refuses
     */
    void signal(int number);

    /**
     * Kills the program, with the processes that it started, except those that made themselves daemons, and waits until
     * they are gone. Does nothing when it has ended.
     *
     * @throws GuestAgentException if the guest's agent is silent, or refuses, or if some of the processes may be left
     */
    void kill();

    /**
     * Kills the program if it runs, and lets go of its streams: output that was not read is lost. Throws nothing, and does
     * nothing the second time.
     */
    @Override
    void close();
}
