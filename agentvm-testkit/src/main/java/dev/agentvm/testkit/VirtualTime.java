package dev.agentvm.testkit;

import dev.agentvm.InvalidValueException;
import dev.agentvm.pool.PoolTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The time of a {@link FakeHypervisor}: nobody sleeps in it. It stands still while nothing waits; a call that waits, such
 * as a boot or a command that takes three minutes, moves it at once to the next moment at which something happens.
 *
 * <p>That is right for one thread, which nobody else can wake. Where another thread shall act while one waits, {@link #hold}
 * the time: then it moves by {@link #advance} alone, and who waits really waits. Safe for use by many threads.
 *
 * <p>A {@link dev.agentvm.pool.VMPool} lives in it that is {@linkplain dev.agentvm.pool.VMPool.Builder#time given} it. Then
 * time moves by itself only while nothing is under way in the pool's background but boots, commands and other waits.
 */
public final class VirtualTime implements PoolTime {
    /** For what never comes by itself. */
    static final Duration FOREVER = Duration.ofDays(36_500);

    /** Further than any timeout of the library, and still no overflow of an {@link Instant}. */
    private static final Duration LONGEST = Duration.ofDays(40_000);

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final TreeSet<Timer> timers = new TreeSet<>();
    private final PriorityQueue<Wait> waits = new PriorityQueue<>();
    /** How many calls this thread is in, one within the other; announced work is one. */
    private final ThreadLocal<Integer> depth = ThreadLocal.withInitial(() -> 0);
    /** Whether this thread does announced work. */
    private final ThreadLocal<Boolean> announced = ThreadLocal.withInitial(() -> false);

    private volatile Instant now;
    private long number;
    private int holds;
    private int busy;
    /** The thread that runs what is due, if one does; for others time does not move on meanwhile. */
    private @Nullable Thread mover;

    private VirtualTime(Instant start) {
        this.now = start;
    }

    /** A time that begins on 1 January 2026, 00:00 UTC. */
    public static VirtualTime create() {
        return startingAt(Instant.parse("2026-01-01T00:00:00Z"));
    }

    /** A time that begins at {@code start}. */
    public static VirtualTime startingAt(Instant start) {
        return new VirtualTime(Objects.requireNonNull(start, "start"));
    }

    /** What time it is. */
    @Override
    public Instant now() {
        return now;
    }

    /** A clock that shows this time, for the code under test. */
    public Clock clock() {
        return new VirtualClock(this, ZoneOffset.UTC);
    }

    /**
     * Moves the time on, and does on this thread what falls due meanwhile, each at its moment.
     *
     * @param time how far, not negative
     */
    public void advance(Duration time) {
        if (time.isNegative()) {
            throw new InvalidValueException("time", time, "must not be negative");
        }
        lock.lock();
        try {
            while (mover != null && mover != Thread.currentThread()) {
                changed.awaitUninterruptibly();
            }
            Instant target = later(time);
            boolean more = true;
            while (more) {
                more = step(target);
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Does something later, on the thread that then moves the time. It must not wait for other threads.
     *
     * @param delay when, not negative
     */
    @Override
    public Alarm after(Duration delay, Runnable work) {
        if (delay.isNegative()) {
            throw new InvalidValueException("delay", delay, "must not be negative");
        }
        Timer timer = schedule(delay, work);
        return () -> cancel(timer);
    }

    /** Waits for an event; unless it is held, time moves on meanwhile as it does for calls of a fake that wait. */
    @Override
    public boolean await(CompletableFuture<?> event, Instant deadline) throws InterruptedException {
        CompletableFuture<?> unused = event.whenComplete((value, failure) -> wake());
        enter();
        lock.lock();
        try {
            return awaitLocked(event::isDone, deadline);
        } finally {
            lock.unlock();
            leave();
        }
    }

    /** Announces work of another thread; time does not move by itself before that has ended, or waits in this time. */
    @Override
    public Runnable task(Runnable work) {
        addBusy(1);
        return () -> {
            // Who could not give it to another thread does it in the midst of its own work.
            int outerDepth = depth.get();
            boolean outer = announced.get();
            announced.set(true);
            depth.set(1);
            try {
                work.run();
            } finally {
                leave();
                announced.set(outer);
                depth.set(outerDepth);
            }
        };
    }

    /** Until the result is closed, time moves by {@link #advance} alone. Holds may overlap. */
    public Hold hold() {
        addHold(1);
        return new Hold(this);
    }

    /** Time stands still until this is closed. Safe for use by many threads. */
    public static final class Hold implements AutoCloseable {
        private final VirtualTime time;
        private final AtomicBoolean closed = new AtomicBoolean();

        private Hold(VirtualTime time) {
            this.time = time;
        }

        /** Lets go. Closing twice does nothing. */
        @Override
        public void close() {
            if (!closed.getAndSet(true)) {
                time.addHold(-1);
            }
        }
    }

    private void addHold(int one) {
        lock.lock();
        try {
            holds += one;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    Timer schedule(Duration delay, Runnable work) {
        lock.lock();
        try {
            Timer timer = new Timer(later(delay), number++, work);
            timers.add(timer);
            return timer;
        } finally {
            lock.unlock();
        }
    }

    void cancel(Timer timer) {
        lock.lock();
        try {
            timers.remove(timer);
        } finally {
            lock.unlock();
        }
    }

    /** Something that a thread may wait for has changed. */
    void wake() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** A call begins that takes no time of its own: until it waits or {@link #leave}s, time does not move by itself. */
    void enter() {
        int outer = depth.get();
        depth.set(outer + 1);
        if (outer == 0) {
            addBusy(1);
        }
    }

    /** That call ends. */
    void leave() {
        int outer = depth.get() - 1;
        if (outer == 0) {
            depth.remove();
            addBusy(-1);
        } else {
            depth.set(outer);
        }
    }

    /**
     * Code of the test's own runs in a call, which may wait for other threads, unless that belongs to announced work.
     *
     * @return what to {@link #resume} with
     */
    int suspend() {
        return release(announced.get() ? 1 : 0);
    }

    /** That code has ended, and the call goes on. */
    void resume(int calls) {
        boolean idle = depth.get() == 0;
        depth.set(calls);
        if (idle) {
            addBusy(1);
        }
    }

    /** From now on this thread is in no more than {@code kept} calls. */
    private int release(int kept) {
        int calls = depth.get();
        depth.set(kept);
        if (kept == 0) {
            addBusy(-1);
        }
        return calls;
    }

    private void addBusy(int one) {
        lock.lock();
        try {
            busy += one;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until something is so, or a time is over; for calls that did not {@link #enter}.
     *
     * @param done asks no lock; who makes it true calls {@link #wake}
     * @return whether it is so
     */
    boolean await(BooleanSupplier done, Duration timeout) throws InterruptedException {
        enter();
        try {
            return awaitInside(done, timeout);
        } finally {
            leave();
        }
    }

    /** Waits as {@link #await} does; for calls that did {@link #enter}. */
    boolean awaitInside(BooleanSupplier done, Duration timeout) throws InterruptedException {
        lock.lock();
        try {
            return awaitLocked(done, later(timeout));
        } finally {
            lock.unlock();
        }
    }

    private boolean awaitLocked(BooleanSupplier done, Instant deadline) throws InterruptedException {
        Wait wait = new Wait(deadline, done);
        waits.add(wait);
        int calls = release(0);
        try {
            while (true) {
                // Time may be moved between the interrupt and its wake-up, and shall not win then.
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
                if (done.getAsBoolean()) {
                    return true;
                }
                if (!now.isBefore(deadline)) {
                    return false;
                }
                boolean moves = mover == Thread.currentThread();
                if (holds > 0 || busy > 0 || (!moves && othersActFirst())) {
                    changed.await();
                } else {
                    step(moves ? deadline : waits.element().deadline());
                }
            }
        } finally {
            resume(calls);
            waits.remove(wait);
        }
    }

    /** Whether calls or announced work are under way that do not wait in this time, or are at the end of their wait. */
    boolean isBusy() {
        lock.lock();
        try {
            return busy > 0 || othersActFirst();
        } finally {
            lock.unlock();
        }
    }

    /** How many wait now. */
    int waiting() {
        lock.lock();
        try {
            return waits.size();
        } finally {
            lock.unlock();
        }
    }

    /** Whether another thread moves the time, or has come to the end of its wait and is about to go on. */
    private boolean othersActFirst() {
        return mover != null || waits.stream().anyMatch(wait -> wait.isOver(now));
    }

    /** Moves to the next timer and runs it, or to {@code limit} if there is none before. The lock is held. */
    private boolean step(Instant limit) {
        boolean due = !timers.isEmpty() && !timers.first().at().isAfter(limit);
        Instant next = due ? timers.first().at() : limit;
        if (next.isAfter(now)) {
            now = next;
            changed.signalAll();
        }
        if (due) {
            run(timers.pollFirst());
        }
        return due;
    }

    private void run(Timer timer) {
        @Nullable Thread before = mover;
        mover = Thread.currentThread();
        lock.unlock();
        try {
            timer.work().run();
        } finally {
            lock.lock();
            mover = before;
            changed.signalAll();
        }
    }

    private Instant later(Duration time) {
        return now.plus(time.compareTo(LONGEST) > 0 ? LONGEST : time);
    }

    @Override
    public String toString() {
        return now.toString();
    }

    /** Something to be done, in the order of its time and then of its number. */
    record Timer(Instant at, long number, Runnable work) implements Comparable<Timer> {
        @Override
        public int compareTo(Timer other) {
            int byTime = at.compareTo(other.at);
            return byTime != 0 ? byTime : Long.compare(number, other.number);
        }
    }

    /** A thread that waits for something, until a deadline. */
    private record Wait(Instant deadline, BooleanSupplier done) implements Comparable<Wait> {
        boolean isOver(Instant now) {
            return !deadline.isAfter(now) || done.getAsBoolean();
        }

        @Override
        public int compareTo(Wait other) {
            return deadline.compareTo(other.deadline);
        }
    }

    private static final class VirtualClock extends Clock {
        private final VirtualTime time;
        private final ZoneId zone;

        private VirtualClock(VirtualTime time, ZoneId zone) {
            this.time = time;
            this.zone = zone;
        }

        @Override
        public ZoneId getZone() {
            return zone;
        }

        @Override
        public Clock withZone(ZoneId other) {
            return new VirtualClock(time, other);
        }

        @Override
        public Instant instant() {
            return time.now();
        }
    }
}
