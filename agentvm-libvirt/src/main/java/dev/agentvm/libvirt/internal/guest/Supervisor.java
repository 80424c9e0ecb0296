package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMRestoredException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches the started commands of one workspace, on a thread that it has while there are any, and to which all that
 * concerns them is posted. One question serves them all: what is new in the file of events, to which the guest's end of
 * each stream appends; only streams of which it tells are then read. Safe for use by many threads.
 */
final class Supervisor {
    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(30);
    private static final long SHORT_PAUSE = TimeUnit.MILLISECONDS.toNanos(2);
    /** While the guest stands still, or its commands are busy elsewhere. */
    private static final long UNHURRIED_PAUSE = TimeUnit.MILLISECONDS.toNanos(300);

    private static final long LONG_PAUSE = TimeUnit.SECONDS.toNanos(1);
    /** Bytes of events in a second; honest helpers let what they tell gather, and do not tell so much. */
    private static final int MANY_EVENTS = 256 * 1024;

    private static final Duration RELEASE = Killer.PATIENCE.plusSeconds(5);

    private final AgentCalls calls;
    private final ScriptRunner scripts;
    private final Background background;
    private final Patience patience;
    private final Object lock = new Object();
    private final Deque<Runnable> posted = new ArrayDeque<>();
    private boolean working;
    private boolean nudged;

    // All else belongs to the thread that works.
    private final Map<Long, Watch> watches = new LinkedHashMap<>();
    private final EventLog events;
    private final Breath breath;
    private final Deque<Runnable> whenEmpty = new ArrayDeque<>();
    private int turn;
    private long pause = SHORT_PAUSE;
    private long second = System.nanoTime();
    private int eventsThisSecond;

    Supervisor(
            AgentCalls calls,
            ScriptRunner scripts,
            Housekeeping housekeeping,
            Background background,
            Patience patience,
            String directory) {
        this.calls = calls;
        this.scripts = scripts;
        this.background = background;
        this.patience = patience;
        this.events = new EventLog(calls, housekeeping, directory + "/events");
        this.breath = new Breath(patience.silence());
        calls.queue().whenFailed(this::nudge);
    }

    Patience patience() {
        return patience;
    }

    ScriptRunner scripts() {
        return scripts;
    }

    /** Watches it from now on until it is over. */
    void watch(Watch watch) {
        post(() -> watches.put(watch.number(), watch));
    }

    /** It was never started, unless that comes late. */
    void forget(Watch watch, AgentVMException reason) {
        post(() -> watch.finish(reason));
    }

    /** Runs something on the thread that all of them belong to. */
    void post(Runnable task) {
        synchronized (lock) {
            posted.add(task);
            nudged = true;
            lock.notifyAll();
            if (working) {
                return;
            }
            working = true;
        }
        try {
            background.execute(this::work);
        } catch (RuntimeException | Error e) {
            synchronized (lock) {
                working = false;
            }
            throw e;
        }
    }

    void inBackground(Runnable task) {
        background.execute(task);
    }

    /** There is something to do before its time. */
    void nudge() {
        synchronized (lock) {
            nudged = true;
            lock.notifyAll();
        }
    }

    /** No more commands come: lets go of all, and runs {@code last}, when those are over that are watched. */
    void retire(Runnable last) {
        post(() -> whenEmpty.add(last));
    }

    /** Kills all, in words that follow their names, and waits until that is done or was tried for long enough. */
    void end(String why) {
        CompletableFuture<CompletableFuture<Void>> ended = new CompletableFuture<>();
        post(() -> {
            List<CompletableFuture<Void>> all = new ArrayList<>();
            for (Watch watch : watches.values()) {
                watch.end(why);
                all.add(watch.over());
            }
            ended.complete(CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0])));
        });
        try {
            ended.thenCompose(all -> all).get(RELEASE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            LOG.debug("Commands in {} may still be running", calls.vmName(), e);
        }
    }

    private void work() {
        boolean idle = false;
        while (true) {
            synchronized (lock) {
                if (idle && posted.isEmpty()) {
                    working = false;
                    return;
                }
            }
            runPosted();
            if (!watches.isEmpty()) {
                attempt(this::turn);
            }
            removeOver();
            idle = watches.isEmpty();
            if (idle && !whenEmpty.isEmpty()) {
                events.close();
                List<Runnable> tasks = new ArrayList<>(whenEmpty);
                whenEmpty.clear();
                tasks.forEach(this::attempt);
            }
        }
    }

    private void runPosted() {
        List<Runnable> tasks;
        synchronized (lock) {
            tasks = new ArrayList<>(posted);
            posted.clear();
        }
        tasks.forEach(this::attempt);
    }

    /** Whatever fails, nobody shall wait for ever. */
    private void attempt(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error e) {
            LOG.debug("Watching the commands in {} failed", calls.vmName(), e);
            loseAll(new GuestAgentException(
                    "Watching the commands in " + calls.vmName() + " failed: " + e, calls.context(), e));
        }
    }

    private void turn() {
        boolean moved = false;
        boolean still = false;
        long begin = System.nanoTime();
        try {
            moved = readEvents();
            breath.answered();
            moved |= step();
        } catch (VMDestroyedException | VMRestoredException e) {
            watches.values().forEach(watch -> watch.finish(again(e)));
            return;
        } catch (AgentVMException e) {
            still = Breath.standsStill(e);
            if (breath.isSpent(e, begin)) {
                loseAll(e);
            }
        }
        long now = System.nanoTime();
        watches.values().forEach(watch -> watch.tick(now));
        pause = moved ? SHORT_PAUSE : Math.min(PAUSE, pause * 2);
        if (!moved) {
            await(still ? UNHURRIED_PAUSE : pause());
        }
    }

    /** One for each command: whoever waits for it may say in it what that was done for. */
    private AgentVMException again(AgentVMException e) {
        String message = String.valueOf(e.getMessage());
        return e instanceof VMRestoredException
                ? new VMRestoredException(message, calls.context().retryable(true), e)
                : new VMDestroyedException(message, calls.context(), e);
    }

    private long pause() {
        if (watches.values().stream().allMatch(Watch::isHeldUp)) {
            return LONG_PAUSE;
        }
        return watches.values().stream().allMatch(Watch::canWait) ? UNHURRIED_PAUSE : pause;
    }

    /** Whether anything that matters was told. */
    private boolean readEvents() {
        long now = System.nanoTime();
        if (now - second >= TimeUnit.SECONDS.toNanos(1)) {
            second = now;
            eventsThisSecond = 0;
        }
        boolean[] ours = {false};
        eventsThisSecond += events.read(line -> {
            // It may be of a command that was started while the file was being read.
            runPosted();
            ours[0] |= on(line);
        });
        return ours[0] && eventsThisSecond < MANY_EVENTS;
    }

    /** Others than those that are watched may write there too: that is no matter. */
    private boolean on(String line) {
        OptionalLong number = Event.command(line);
        Watch watch = number.isPresent() ? watches.get(number.getAsLong()) : null;
        if (watch == null) {
            return false;
        }
        try {
            watch.on(Event.parse(line));
        } catch (MalformedReplyException e) {
            watch.lose(new GuestAgentException(
                    "The guest of " + calls.vmName() + " tells of a command what cannot be understood: "
                            + e.getMessage() + "; it said: " + Excerpt.head(line, 200),
                    calls.context(),
                    e));
        } catch (GuestAgentException e) {
            watch.lose(e);
        }
        return true;
    }

    private boolean step() {
        List<Watch> all = new ArrayList<>(watches.values());
        // So that none is always the last.
        Collections.rotate(all, -(turn++ % all.size()));
        boolean moved = false;
        for (Watch watch : all) {
            long begin = System.nanoTime();
            try {
                moved |= watch.step(all.size(), events.isAllTold());
                watch.breath().answered();
            } catch (VMDestroyedException | VMRestoredException e) {
                throw e;
            } catch (AgentVMException e) {
                if (watch.breath().isSpent(e, begin)) {
                    watch.lose(e);
                } else {
                    // The others would wait as long.
                    return moved;
                }
            }
        }
        return moved;
    }

    private void loseAll(AgentVMException reason) {
        watches.values().forEach(watch -> watch.lose(reason));
        // They may be of an agent that is no more.
        events.close();
        // Those that come later have their own time.
        breath.answered();
    }

    private void removeOver() {
        for (Watch watch : List.copyOf(watches.values())) {
            if (watch.isOver()) {
                watches.remove(watch.number());
                watch.discard();
            }
        }
    }

    private void await(long nanos) {
        long until = System.nanoTime() + nanos;
        synchronized (lock) {
            try {
                for (long left = nanos; left > 0 && !nudged; left = until - System.nanoTime()) {
                    TimeUnit.NANOSECONDS.timedWait(lock, left);
                }
            } catch (InterruptedException e) {
                // Nobody interrupts threads of the library's own; if somebody does, it is only a short pause.
                return;
            }
            nudged = false;
        }
    }
}
