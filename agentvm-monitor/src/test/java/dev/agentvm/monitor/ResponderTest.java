package dev.agentvm.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.InvalidValueException;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.AnomalyDetected;
import dev.agentvm.event.AnomalyDetected.Severity;
import dev.agentvm.event.ResponseTaken;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.spi.EventDispatcher;
import dev.agentvm.testkit.FakeHypervisor;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try")
class ResponderTest {
    private final FakeHypervisor hypervisor = FakeHypervisor.create();
    private final EventDispatcher events = new EventDispatcher();
    private final BlockingQueue<ResponseTaken> taken = new LinkedBlockingQueue<>();
    private final VM vm = hypervisor.launch(new VMTemplate.Builder().name("vm").build());

    @BeforeEach
    void listen() {
        events.listen(event -> {
            if (event instanceof ResponseTaken response) {
                taken.add(response);
            }
        });
    }

    @AfterEach
    void close() {
        events.close();
        hypervisor.close();
    }

    private Responder.Builder responder() {
        return new Responder.Builder(hypervisor, events);
    }

    private AnomalyDetected anomaly(String kind, Severity severity, UUID id) {
        return new AnomalyDetected.Builder()
                .time(Story.START)
                .vm(VMIdentity.of(id, "vm"))
                .kind(kind)
                .severity(severity)
                .message("something")
                .build();
    }

    private ResponseTaken next() throws InterruptedException {
        ResponseTaken next = taken.poll(60, TimeUnit.SECONDS);
        assertThat(next).isNotNull();
        return java.util.Objects.requireNonNull(next);
    }

    @Test
    void cutNetwork_alert_leavesTheVMWithoutANetworkAndSaysSo() throws InterruptedException {
        try (Responder responder =
                responder().onSeverity(Severity.ALERT, Response.cutNetwork()).open()) {
            AnomalyDetected alert = anomaly("port-scan", Severity.ALERT, vm.id());
            events.publish(alert);

            assertThat(next()).satisfies(response -> {
                assertThat(response.anomaly()).isEqualTo(alert.id());
                assertThat(response.response()).isEqualTo("cut-network");
                assertThat(response.failure()).isEmpty();
                assertThat(response.vm()).isEqualTo(alert.vm());
            });
            assertThat(vm.networkPolicy()).contains(NetworkPolicy.none());
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void pause_alert_letsTheVMStandStillAndSaysSo() throws InterruptedException {
        try (Responder responder =
                responder().onSeverity(Severity.ALERT, Response.pause()).open()) {
            AnomalyDetected alert = anomaly("port-scan", Severity.ALERT, vm.id());
            events.publish(alert);

            assertThat(next()).satisfies(response -> {
                assertThat(response.anomaly()).isEqualTo(alert.id());
                assertThat(response.response()).isEqualTo("pause");
                assertThat(response.failure()).isEmpty();
                assertThat(response.vm()).isEqualTo(alert.vm());
            });
            assertThat(vm.state()).isEqualTo(VMState.PAUSED);
            vm.resume();
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void destroy_kind_endsTheVM() throws InterruptedException {
        try (Responder responder =
                responder().onKind(AnomalyKinds.MINING_POOL, Response.destroy()).open()) {
            events.publish(anomaly(AnomalyKinds.MINING_POOL, Severity.ALERT, vm.id()));

            assertThat(next().failure()).isEmpty();
            assertThat(vm.state()).isNotEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void onKind_another_isNotAnswered() throws InterruptedException {
        try (Responder responder =
                responder().onKind(AnomalyKinds.MINING_POOL, Response.destroy()).open()) {
            AnomalyDetected elsewhere = anomaly(AnomalyKinds.MINING_POOL, Severity.ALERT, new UUID(0, 9));
            events.publish(anomaly("port-scan", Severity.ALERT, vm.id()));
            events.publish(elsewhere);

            assertThat(next().anomaly()).isEqualTo(elsewhere.id());
        }
        assertThat(vm.state()).isEqualTo(VMState.RUNNING);
    }

    @Test
    void onSeverity_less_isNotAnswered() throws InterruptedException {
        try (Responder responder =
                responder().onSeverity(Severity.ALERT, Response.destroy()).open()) {
            events.publish(anomaly("sustained-cpu", Severity.NOTICE, vm.id()));
            events.publish(anomaly("port-scan", Severity.ALERT, new UUID(0, 9)));

            next();
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void take_vmThatGotTheNameSince_isLeftAlone() throws InterruptedException {
        try (Responder responder =
                responder().onSeverity(Severity.NOTICE, Response.destroy()).open()) {
            events.publish(anomaly("port-scan", Severity.ALERT, new UUID(0, 9)));

            assertThat(next().failure())
                    .hasValueSatisfying(failure -> assertThat(failure).contains("does not run any more"));
            assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void take_severalResponses_areDoneInTheirOrderThoughOneFails() throws InterruptedException {
        try (Responder responder = responder()
                .onSeverity(Severity.ALERT, Response.of("first", (anomaly, found) -> {
                    throw new IllegalStateException("nobody is there");
                }))
                .onSeverity(Severity.ALERT, Response.of("mark", (anomaly, found) -> found.name()))
                .onSeverity(Severity.ALERT, Response.destroy())
                .open()) {
            events.publish(anomaly("port-scan", Severity.ALERT, vm.id()));

            assertThat(next()).satisfies(response -> {
                assertThat(response.response()).isEqualTo("first");
                assertThat(response.failure()).contains("nobody is there");
            });
            assertThat(next().response()).isEqualTo("mark");
            assertThat(next().response()).isEqualTo("destroy");
        }
    }

    @Test
    void on_conditionThatThrows_isSaidAndHoldsUpNoOtherResponse() throws InterruptedException {
        try (Responder responder = responder()
                .on(
                        anomaly -> {
                            throw new IllegalStateException("no such label");
                        },
                        Response.pause())
                .onKind(AnomalyKinds.MINING_POOL, Response.destroy())
                .open()) {
            AnomalyDetected alert = anomaly(AnomalyKinds.MINING_POOL, Severity.ALERT, vm.id());
            events.publish(alert);

            assertThat(next()).satisfies(response -> {
                assertThat(response.anomaly()).isEqualTo(alert.id());
                assertThat(response.response()).isEqualTo("pause");
                assertThat(response.failure())
                        .hasValueSatisfying(failure -> assertThat(failure)
                                .contains("its condition failed")
                                .contains("no such label"));
            });
            assertThat(next()).satisfies(response -> {
                assertThat(response.response()).isEqualTo("destroy");
                assertThat(response.failure()).isEmpty();
            });
            assertThat(vm.state()).isNotEqualTo(VMState.RUNNING);
        }
    }

    @Test
    void take_slowResponse_holdsUpNeitherEventsNorOtherResponses() throws InterruptedException {
        CountDownLatch release = new CountDownLatch(1);
        try (Responder responder = responder()
                .onKind("slow", Response.notify(anomaly -> await(release)))
                .onKind("quick", Response.notify(anomaly -> {}))
                .open()) {
            events.publish(anomaly("slow", Severity.ALERT, vm.id()));
            events.publish(anomaly("quick", Severity.ALERT, vm.id()));

            assertThat(next().failure()).isEmpty();
            assertThat(release.getCount()).isEqualTo(1);
            release.countDown();
            assertThat(next().failure()).isEmpty();
        }
    }

    @Test
    void take_receiversThatHang_holdUpNoOtherResponse() throws InterruptedException {
        CountDownLatch release = new CountDownLatch(1);
        try (Responder responder = responder()
                .onSeverity(Severity.ALERT, Response.notify(anomaly -> await(release)))
                .onKind(AnomalyKinds.MINING_POOL, Response.destroy())
                .open()) {
            for (int i = 0; i < 10; i++) {
                events.publish(anomaly("port-scan", Severity.ALERT, vm.id()));
            }
            events.publish(anomaly(AnomalyKinds.MINING_POOL, Severity.ALERT, vm.id()));

            assertThat(next()).satisfies(response -> {
                assertThat(response.response()).isEqualTo("destroy");
                assertThat(response.failure()).isEmpty();
            });
            assertThat(vm.state()).isNotEqualTo(VMState.RUNNING);
            release.countDown();
        }
    }

    @Test
    void take_moreThanCanWait_isSaidNotToBeDone() throws InterruptedException {
        CountDownLatch release = new CountDownLatch(1);
        try (Responder responder = responder()
                .onSeverity(Severity.ALERT, Response.notify(anomaly -> await(release)))
                .clock(Clock.fixed(Story.START, ZoneOffset.UTC))
                .open()) {
            // Four are under way, and 1,024 wait.
            for (int i = 0; i < 4 + 1024 + 1; i++) {
                events.publish(anomaly("port-scan", Severity.ALERT, vm.id()));
            }

            assertThat(next()).satisfies(response -> {
                assertThat(response.failure()).contains("not done: 1024 others wait");
                assertThat(response.time()).isEqualTo(Story.START);
            });
            release.countDown();
            for (int i = 0; i < 4 + 1024; i++) {
                assertThat(next().failure()).isEmpty();
            }
        }
    }

    @Test
    void close_responsesThatWereNotBegun_areSaidNotToBeDone() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(4);
        CountDownLatch asked = new CountDownLatch(10);
        Responder responder = responder()
                .on(
                        anomaly -> {
                            asked.countDown();
                            return true;
                        },
                        Response.notify(anomaly -> {
                            begun.countDown();
                            await(new CountDownLatch(1));
                        }))
                .open();
        for (int i = 0; i < 10; i++) {
            events.publish(anomaly("port-scan", Severity.ALERT, vm.id()));
        }
        begun.await();
        asked.await();

        Thread.currentThread().interrupt();
        responder.close();
        assertThat(Thread.interrupted()).isTrue();

        List<String> failures = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            failures.add(next().failure().orElseThrow());
        }
        assertThat(failures)
                .filteredOn(failure -> failure.equals("not done: the responder is closed"))
                .hasSize(6);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void open_nothingToAnswer_isRefused() {
        assertThatThrownBy(() -> responder().open())
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("onSeverity");
        assertThatThrownBy(() -> Response.of("Two Words", (anomaly, found) -> {}))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageContaining("Two Words");
    }
}
