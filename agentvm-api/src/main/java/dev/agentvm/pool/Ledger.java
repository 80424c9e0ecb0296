package dev.agentvm.pool;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.VM;
import dev.agentvm.pool.Member.State;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The books of a pool: which VMs there are, who waits, and what is to be done next. It does nothing itself, so all of its
 * decisions can be seen without VMs, threads or time. Not thread-safe: the pool's lock guards it.
 *
 * <p>Each event is told to it by one method; {@link #plan} then says what follows.
 */
final class Ledger {
    /** How long after a VM could not be destroyed that is tried again. */
    static final Duration RETRY_CLOSE = Duration.ofSeconds(10);

    private final Settings settings;
    /** In the order of their launches. */
    private final Set<Member> members = new LinkedHashSet<>();
    /** Those who came first are first. */
    private final Deque<Waiter> waiters = new ArrayDeque<>();

    private final Backoff backoff = new Backoff();
    private final Counters counters = new Counters();
    private final List<Throwable> notClosed = new ArrayList<>();
    /** Whether a health check has failed since one has passed, so that only another can show that things are better. */
    private boolean unfit;

    /** Why the last reset failed, unless one has succeeded since. */
    private @Nullable Throwable resetFailure;

    /** No health check begins before that: there was nothing to do the last one. */
    private Instant checksFrom = Instant.MIN;

    private boolean shut;

    Ledger(Settings settings) {
        this.settings = settings;
    }

    /** Someone waits from now on. */
    void join(Waiter waiter) {
        if (shut) {
            throw closed();
        }
        waiters.add(waiter);
    }

    /**
     * Someone no longer wants to wait.
     *
     * @return whether they still waited; if not, it was decided before what they are given
     */
    boolean withdraw(Waiter waiter) {
        boolean waited = waiters.remove(waiter);
        if (waited && awaited().count() > waiters.size()) {
            awaited().findFirst().ifPresent(Member::abandon);
        }
        return waited;
    }

    /** Those of whose health check somebody waits for the result. */
    private Stream<Member> awaited() {
        return in(State.CHECKING).filter(member -> !member.isAbandoned());
    }

    /** A launch has succeeded. */
    void launched(Member member, VM vm, Instant now) {
        counters.launched();
        member.launched(vm, now);
        if (shut) {
            member.doom(now);
        } else if (!unfit) {
            backoff.succeeded(member.round());
        }
    }

    /** A launch has failed. */
    void launchFailed(Member member, Throwable reason, Instant now) {
        members.remove(member);
        if (!shut) {
            counters.launchFailed();
            backoff.failed(member.round(), reason, now);
        }
    }

    /** A VM that is being checked can be lent. */
    void healthy(Member member, Instant now) {
        if (member.is(State.CHECKING)) {
            unfit = false;
            backoff.succeeded(member.round());
            offer(member, now);
        }
    }

    /**
     * A VM that stands ready cannot be lent.
     *
     * @return whether it still stood ready
     */
    boolean unhealthy(Member member, Throwable reason, Instant now) {
        boolean ready = member.is(State.CHECKING) || member.is(State.IDLE);
        if (ready) {
            unfit |= member.is(State.CHECKING)
                    && settings.healthCheck().timeout().isPresent();
            member.doom(now);
            backoff.failed(member.round(), reason, now);
        }
        return ready;
    }

    /** A health check could not begin, which says nothing about the VM. */
    void notChecked(Member member, Instant now) {
        member.state(State.IDLE);
        checksFrom = now.plus(Backoff.FIRST);
    }

    private void offer(Member member, Instant now) {
        Waiter first = waiters.poll();
        if (first == null) {
            member.state(State.IDLE);
            return;
        }
        member.lend();
        counters.acquired(Duration.between(first.since(), now));
        first.given().complete(member);
    }

    /**
     * A lease was closed: nobody gets that VM again as it is.
     *
     * @param quiet whether no call of the tenant was under way, which might otherwise reach the VM after its reset
     */
    void released(Member member, boolean quiet, Instant now) {
        if (member.is(State.LEASED)) {
            if (quiet && !shut && member.uses() < settings.maxUses() && !isOld(member, now)) {
                member.state(State.USED);
            } else {
                member.doom(now);
            }
        }
    }

    private boolean isOld(Member member, Instant now) {
        return settings.maxAge()
                .filter(age -> !member.launchedAt().plus(age).isAfter(now))
                .isPresent();
    }

    /** A VM is as it was after its launch. */
    void reset(Member member, Instant now) {
        counters.reset();
        resetFailure = null;
        if (member.is(State.RESETTING)) {
            member.ready(now);
        }
    }

    /** A VM could not be reset. */
    void resetFailed(Member member, Throwable reason, Instant now) {
        if (!shut) {
            counters.resetFailed();
            resetFailure = reason;
        }
        if (member.is(State.RESETTING)) {
            member.doom(now);
        }
    }

    /** A VM is gone. */
    void closed(Member member) {
        members.remove(member);
    }

    /** A VM could not be destroyed: it may still be there, so it keeps its place until it is known to be gone. */
    void closeFailed(Member member, Throwable reason, Instant now) {
        if (shut) {
            notClosed.add(reason);
            members.remove(member);
        } else {
            member.doom(now.plus(RETRY_CLOSE));
        }
    }

    /**
     * The pool is being closed.
     *
     * @return what is being done and need not be finished
     */
    List<Job> shut(Instant now) {
        shut = true;
        waiters.forEach(waiter -> waiter.given().completeExceptionally(closed()));
        waiters.clear();
        List<Job> futile = new ArrayList<>();
        for (Member member : members) {
            Job job = member.job();
            if (job != null && (member.is(State.BUILDING) || member.is(State.CHECKING))) {
                futile.add(job);
            }
            if (!member.is(State.BUILDING) && !member.is(State.CLOSING)) {
                member.doom(now);
            }
        }
        return futile;
    }

    /** Whether it was shut before. */
    boolean isShut() {
        return shut;
    }

    /** Whether it was shut and nothing is left. */
    boolean isDrained() {
        return shut && members.isEmpty();
    }

    /** Why VMs could not be destroyed after it was shut. */
    List<Throwable> notClosed() {
        return List.copyOf(notClosed);
    }

    /** What is to be done now; each step is told only once. */
    List<Step> plan(Instant now) {
        List<Step> steps = new ArrayList<>();
        if (!shut) {
            in(State.USED).forEach(member -> {
                member.state(State.RESETTING);
                steps.add(new Step(Step.Kind.RESET, member));
            });
            retireOld(now);
            check(now, steps);
            retireSpare(now);
            launch(now, steps);
        }
        in(State.DOOMED).filter(member -> !member.closeAt().isAfter(now)).forEach(member -> {
            member.state(State.CLOSING);
            steps.add(new Step(Step.Kind.CLOSE, member));
        });
        return steps;
    }

    private void retireOld(Instant now) {
        in(State.IDLE).filter(member -> isOld(member, now)).toList().forEach(member -> member.doom(now));
    }

    /** Those beyond the minimum that nobody has needed for long. */
    private void retireSpare(Instant now) {
        settings.idleTimeout().ifPresent(time -> {
            int spare = Math.max(0, count(State.IDLE) - settings.min());
            in(State.IDLE)
                    .filter(member -> !member.readySince().plus(time).isAfter(now))
                    .limit(spare)
                    .toList()
                    .forEach(member -> member.doom(now));
        });
    }

    /** One VM for each who waits. */
    private void check(Instant now, List<Step> steps) {
        if (checksFrom.isAfter(now)) {
            return;
        }
        in(State.IDLE)
                .limit(Math.max(0, waiters.size() - awaited().count()))
                .toList()
                .forEach(member -> {
                    member.state(State.CHECKING);
                    steps.add(new Step(Step.Kind.CHECK, member));
                });
    }

    /** As many as are wanted and allowed; while they fail, one from time to time to see whether things are better. */
    private void launch(Instant now, List<Step> steps) {
        int launches = Math.min(missing(), settings.max() - members.size());
        if (backoff.isFailing()) {
            boolean trying = in(State.BUILDING).anyMatch(member -> member.round() == backoff.round());
            launches = trying || backoff.retryAt().isAfter(now) ? 0 : Math.min(launches, 1);
        }
        for (int i = 0; i < launches; i++) {
            Member member = new Member(backoff.round());
            members.add(member);
            steps.add(new Step(Step.Kind.LAUNCH, member));
        }
    }

    private int missing() {
        int coming = count(State.IDLE) + count(State.CHECKING) + count(State.BUILDING) + count(State.RESETTING);
        return settings.min() + waiters.size() - coming;
    }

    /** When {@link #plan} is to be asked again, even if nothing happens. */
    Optional<Instant> next(Instant now) {
        Stream<Instant> closes = in(State.DOOMED).map(Member::closeAt);
        if (shut) {
            return closes.min(Instant::compareTo);
        }
        Stream<Instant> ages = settings.maxAge().stream()
                .flatMap(age -> in(State.IDLE).map(member -> member.launchedAt().plus(age)));
        Stream<Instant> idles = settings.idleTimeout().stream()
                .flatMap(
                        time -> in(State.IDLE).map(member -> member.readySince().plus(time)));
        Stream<Instant> retry = backoff.isFailing() ? Stream.of(backoff.retryAt()) : Stream.empty();
        Stream<Instant> checks = waiters.isEmpty() ? Stream.empty() : Stream.of(checksFrom);
        return Stream.of(closes, ages, idles, retry, checks)
                .flatMap(times -> times)
                .filter(time -> time.isAfter(now))
                .min(Instant::compareTo);
    }

    /** The VMs that stand ready. */
    List<Member> ready() {
        return in(State.IDLE).toList();
    }

    /** Why the last launch or VM failed, unless things are better since. */
    Optional<Throwable> failure() {
        return backoff.failure();
    }

    /** What the VMs are doing, and what has gone wrong, in words. */
    String describe(Instant now) {
        PoolMetrics is = metrics();
        String said = is.live() + " of at most " + settings.max() + " VMs are live (" + is.leased() + " lent, "
                + is.building() + " being built, " + is.idle() + " ready, " + is.resetting() + " being reset, "
                + is.closing() + " being destroyed), and "
                + is.waiting() + " other callers wait";
        String failed = backoff.failure()
                .map(reason -> ". The last failure: " + text(reason))
                .orElse("");
        String next = backoff.isFailing() && backoff.retryAt().isAfter(now)
                ? "; the next attempt is in "
                        + Duration.between(now, backoff.retryAt()).toSeconds() + " s"
                : "";
        return said + failed + next;
    }

    private static String text(Throwable failure) {
        return failure instanceof AgentVMException ? String.valueOf(failure.getMessage()) : failure.toString();
    }

    PoolMetrics metrics() {
        PoolMetrics.Builder metrics = new PoolMetrics.Builder();
        counters.writeTo(metrics);
        return metrics.live(members.size())
                .building(count(State.BUILDING))
                .idle(count(State.IDLE) + count(State.CHECKING))
                .leased(count(State.LEASED))
                .resetting(count(State.USED) + count(State.RESETTING))
                .closing(count(State.DOOMED) + count(State.CLOSING))
                .waiting(waiters.size())
                .lastFailure(backoff.failure()
                        .or(() -> Optional.ofNullable(resetFailure))
                        .map(Ledger::text))
                .build();
    }

    private Stream<Member> in(State state) {
        return members.stream().filter(member -> member.is(state));
    }

    private int count(State state) {
        return Math.toIntExact(in(state).count());
    }

    private PoolClosedException closed() {
        return new PoolClosedException(
                "The pool of '" + settings.template().name() + "' was closed", FailureContext.of("acquire"));
    }
}
