package dev.agentvm.monitor;

import dev.agentvm.AgentVMException;
import dev.agentvm.Hypervisor;
import dev.agentvm.InvalidValueException;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.Registration;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMEvents;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers anomalies, on threads of its own, and says of each answer what was done and whether it failed
 * ({@link ResponseTaken}). What is done to VMs for one anomaly is done in the order in which it was given. Receivers of
 * {@link Response#notify} are called on other threads, so that one that hangs holds up nothing but other notifications.
 * Anomalies are answered side by side. Safe for use by many threads.
 *
 * <pre>{@code
 * Responder responder = new Responder.Builder(hypervisor, events)
 *     .onSeverity(Severity.ALERT, Response.notify(this::tellSomebody))
 *     .onKind(AnomalyKinds.MINING_POOL, Response.destroy())
 *     .open();
 * }</pre>
 */
public final class Responder implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Responder.class);
    private static final int THREADS = 4;
    private static final int WAITING = 1024;
    private static final String CLOSED = "the responder is closed";
    private static final Duration LAST_ANSWERS = Duration.ofSeconds(10);

    private final Hypervisor hypervisor;
    private final VMEvents events;
    private final List<Rule> rules;
    private final Clock clock;
    private final ThreadPoolExecutor actions = executor();
    private final ThreadPoolExecutor notifications = executor();
    private volatile boolean closed;
    private final Registration registration;

    private record Rule(Predicate<AnomalyDetected> when, Response response) {}

    private Responder(Builder builder) {
        hypervisor = builder.hypervisor;
        events = builder.events;
        rules = List.copyOf(builder.rules);
        clock = builder.clock;
        registration = events.listen(this::onEvent);
    }

    private static ThreadPoolExecutor executor() {
        ThreadPoolExecutor executor = new ThreadPoolExecutor(
                THREADS, THREADS, 10, TimeUnit.SECONDS, new ArrayBlockingQueue<>(WAITING), Responder::thread);
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "agentvm-responder");
        thread.setDaemon(true);
        return thread;
    }

    private void onEvent(VMEvent event) {
        if (event instanceof AnomalyDetected anomaly) {
            List<Response> responses = rules.stream()
                    .filter(rule -> holds(rule, anomaly))
                    .map(Rule::response)
                    .toList();
            List<Response> toVM = responses.stream()
                    .filter(response -> !response.isNotification())
                    .toList();
            new Answer(anomaly, toVM).on(actions);
            responses.stream()
                    .filter(Response::isNotification)
                    .forEach(response -> new Answer(anomaly, List.of(response)).on(notifications));
        }
    }

    /** A condition that throws does not hold, so that what other rules say is done all the same. */
    private boolean holds(Rule rule, AnomalyDetected anomaly) {
        try {
            return rule.when.test(anomaly);
        } catch (RuntimeException | Error e) {
            String response = rule.response.name();
            LOG.warn("the condition of '{}' failed for '{}' of {}", response, anomaly.kind(), anomaly.vm(), e);
            say(anomaly, rule.response, Optional.of("not done: its condition failed: " + e));
            return false;
        }
    }

    /** What is done about an anomaly, one after the other. */
    private final class Answer implements Runnable {
        private final AnomalyDetected anomaly;
        private final List<Response> responses;

        Answer(AnomalyDetected anomaly, List<Response> responses) {
            this.anomaly = anomaly;
            this.responses = responses;
        }

        void on(ThreadPoolExecutor executor) {
            if (responses.isEmpty()) {
                return;
            }
            try {
                executor.execute(this);
            } catch (RejectedExecutionException e) {
                notDone(closed ? CLOSED : WAITING + " others wait");
            }
        }

        @Override
        public void run() {
            responses.forEach(response -> take(anomaly, response));
        }

        void notDone(String why) {
            responses.forEach(response -> say(anomaly, response, Optional.of("not done: " + why)));
        }
    }

    private void take(AnomalyDetected anomaly, Response response) {
        try {
            response.take(anomaly, hypervisor);
            say(anomaly, response, Optional.empty());
        } catch (RuntimeException | Error e) {
            LOG.warn("the response '{}' to '{}' of {} failed", response.name(), anomaly.kind(), anomaly.vm(), e);
            say(anomaly, response, Optional.of(String.valueOf(e.getMessage())));
        }
    }

    private void say(AnomalyDetected anomaly, Response response, Optional<String> failure) {
        events.publish(new ResponseTaken.Builder()
                .time(clock.instant())
                .vm(anomaly.vm())
                .anomaly(anomaly.id())
                .response(response.name())
                .failure(failure)
                .build());
    }

    /**
     * Answers no more. Waits ten seconds at most for answers that are under way, and interrupts them then; of those that
     * were not begun it says so. Closing twice does nothing.
     */
    @Override
    public void close() {
        long deadline = System.nanoTime() + LAST_ANSWERS.toNanos();
        closed = true;
        actions.shutdown();
        notifications.shutdown();
        try {
            // Of anomalies that still wait to be answered it is said that they are not.
            boolean unused = registration.awaitDelivery(LAST_ANSWERS);
            unused = registration.close(remaining(deadline));
            end(actions, deadline);
            end(notifications, deadline);
        } catch (AgentVMException e) {
            registration.close();
            endNow(actions);
            endNow(notifications);
        }
    }

    private void end(ThreadPoolExecutor executor, long deadline) {
        try {
            if (executor.awaitTermination(remaining(deadline).toNanos(), TimeUnit.NANOSECONDS)) {
                return;
            }
            LOG.warn("responses still ran {} after the responder was closed, and are interrupted", LAST_ANSWERS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        endNow(executor);
    }

    private static void endNow(ThreadPoolExecutor executor) {
        executor.shutdownNow().forEach(waiting -> ((Answer) waiting).notDone(CLOSED));
    }

    private static Duration remaining(long deadline) {
        return Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
    }

    /** Opens a {@link Responder}. Not thread-safe. */
    public static final class Builder {
        private final Hypervisor hypervisor;
        private final VMEvents events;
        private final List<Rule> rules = new ArrayList<>();
        private Clock clock = Clock.systemUTC();

        /** A responder to the anomalies among those events, which finds VMs by that hypervisor. */
        public Builder(Hypervisor hypervisor, VMEvents events) {
            this.hypervisor = Objects.requireNonNull(hypervisor, "hypervisor");
            this.events = Objects.requireNonNull(events, "events");
        }

        /** Answers anomalies of that severity or a higher one. */
        public Builder onSeverity(Severity least, Response response) {
            Objects.requireNonNull(least, "least");
            return on(anomaly -> anomaly.severity().compareTo(least) >= 0, response);
        }

        /** Answers anomalies of that kind, of any severity; {@link AnomalyKinds} has those of this module. */
        public Builder onKind(String kind, Response response) {
            Objects.requireNonNull(kind, "kind");
            return on(anomaly -> anomaly.kind().equals(kind), response);
        }

        /**
         * Answers anomalies that the condition holds for; it is asked by the thread that delivers events. If it throws,
         * the response is not taken, which {@link ResponseTaken} says.
         */
        public Builder on(Predicate<? super AnomalyDetected> condition, Response response) {
            Objects.requireNonNull(response, "response");
            rules.add(new Rule(Objects.requireNonNull(condition, "condition")::test, response));
            return this;
        }

        /** The clock by which {@link ResponseTaken} says when. */
        public Builder clock(Clock source) {
            clock = Objects.requireNonNull(source, "source");
            return this;
        }

        /**
         * Answers from now on.
         *
         * @throws InvalidValueException if there is nothing that it would answer
         */
        public Responder open() {
            if (rules.isEmpty()) {
                throw new InvalidValueException("rules", "none", "say what to answer with onSeverity, onKind or on");
            }
            return new Responder(this);
        }
    }
}
