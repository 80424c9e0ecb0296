package dev.agentvm.libvirt.internal.life;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.HostNotReadyException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A guard that runs, as this program sees it. */
final class GuardProcess {
    private static final Logger LOG = LoggerFactory.getLogger(GuardProcess.class);
    private static final Duration START = Duration.ofMinutes(1);
    private static final Duration STOP = Duration.ofSeconds(5);
    private static final int COMPLAINTS = 20;

    private final Process process;
    private final Writer pipe;
    private final Consumer<GuardProcess> onEnd;
    private final CompletableFuture<Boolean> ready = new CompletableFuture<>();
    private final List<String> complaints = new ArrayList<>();

    private GuardProcess(Process process, Consumer<GuardProcess> onEnd) {
        this.process = process;
        this.pipe = process.outputWriter(StandardCharsets.UTF_8);
        this.onEnd = onEnd;
    }

    /**
     * Starts it, and returns when it is ready.
     *
     * @param orders what it is told at once: should this program die meanwhile, it acts on that when it is ready
     * @param onEnd is told, on a thread of its own, when it has ended
     * @throws HostNotReadyException if it does not become ready, with what it says
     */
    static GuardProcess start(ProcessBuilder program, List<String> orders, Consumer<GuardProcess> onEnd) {
        Process started;
        try {
            started = program.redirectErrorStream(true).start();
        } catch (IOException e) {
            throw unable(e.toString(), e);
        }
        GuardProcess guard = new GuardProcess(started, onEnd);
        Thread reader = new Thread(guard::read, "agentvm-guard");
        reader.setDaemon(true);
        reader.start();
        orders.forEach(guard::say);
        try {
            guard.awaitReady();
            return guard;
        } catch (AgentVMException e) {
            started.destroyForcibly();
            throw e;
        }
    }

    private void awaitReady() {
        try {
            if (!ready.get(START.toMillis(), TimeUnit.MILLISECONDS)) {
                throw unable(complaints(), null);
            }
        } catch (TimeoutException e) {
            throw unable("it was not ready within " + START.toSeconds() + " s. " + complaints(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AgentVMException(
                    "Interrupted while the guard was started", FailureContext.of("start the guard"), e);
        } catch (ExecutionException e) {
            throw new AssertionError("nothing completes it with a failure", e);
        }
    }

    private static HostNotReadyException unable(String why, @Nullable Throwable cause) {
        return new HostNotReadyException(
                "The guard of VMs that libvirt does not tie to their program could not be started: " + why,
                FailureContext.of("start the guard"),
                cause);
    }

    private void read() {
        try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                if (line.equals(GuardOrders.READY)) {
                    ready.complete(true);
                } else {
                    LOG.debug("guard: {}", line);
                    remember(line);
                }
            }
        } catch (IOException e) {
            LOG.debug("the guard is not heard any more", e);
        }
        ready.complete(false);
        onEnd.accept(this);
    }

    private void remember(String line) {
        synchronized (complaints) {
            if (complaints.size() < COMPLAINTS) {
                complaints.add(line);
            }
        }
    }

    private String complaints() {
        synchronized (complaints) {
            return complaints.isEmpty() ? "it says nothing" : String.join("; ", complaints);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** What is in the pipe reaches it, also if this program dies at once. If it has ended, another is told. */
    void say(String line) {
        try {
            pipe.write(line + "\n");
            pipe.flush();
        } catch (IOException e) {
            LOG.debug("the guard hears no more", e);
        }
    }

    /**
     * Lets it end.
     *
     * @param nothingLeft whether it has nothing to do; else it does that, and is not waited for
     */
    void end(boolean nothingLeft) {
        if (nothingLeft) {
            say(GuardOrders.END);
        }
        try {
            pipe.close();
        } catch (IOException e) {
            LOG.debug("the guard's pipe is closed already", e);
        }
        if (nothingLeft) {
            awaitEnd();
        }
    }

    private void awaitEnd() {
        try {
            if (!process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
