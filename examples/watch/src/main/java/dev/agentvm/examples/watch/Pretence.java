package dev.agentvm.examples.watch;

import dev.agentvm.Hypervisor;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.ConnectionAttempted;
import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMIdentity;
import dev.agentvm.network.Flow;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** VMs that are made up, with traffic that is: some of it harmless, some not, and names that nobody should print. */
final class Pretence {
    private static final Duration STEP = Duration.ofMillis(500);
    private static final List<String> NAMES = List.of(
            "github.com",
            "deb.debian.org",
            "registry.npmjs.org",
            "pypi.org",
            "\u001b[2J\u001b]0;owned\u0007gone.example",
            "\u202egnp.exe.example");

    private final FakeHypervisor hypervisor;
    private final Random random = new Random(7);
    private final List<FakeVM> vms = new ArrayList<>();
    private final long[] moved;

    Pretence(Board board, int vms) {
        hypervisor = new FakeHypervisor.Builder().addListener(board).build();
        moved = new long[vms];
    }

    Hypervisor hypervisor() {
        return hypervisor;
    }

    Instant now() {
        return hypervisor.time().now();
    }

    void launch() {
        for (int i = 0; i < moved.length; i++) {
            vms.add(hypervisor.launch(
                    new VMTemplate.Builder().name("agent-" + (i + 1)).build()));
        }
    }

    /** Half a second goes by in the VMs. */
    void step() {
        hypervisor.time().advance(STEP);
        for (int i = 0; i < vms.size(); i++) {
            FakeVM vm = vms.get(i);
            switch (random.nextInt(6)) {
                case 0, 1 -> tell(vm, Flow.tcp("140.82.112." + (1 + random.nextInt(9)), 443), name());
                case 2 -> tell(vm, Flow.tcp("151.101.2." + (1 + random.nextInt(9)), 80), name());
                case 3 -> {
                    if (i == 0) {
                        scan(vm);
                    } else {
                        tell(vm, Flow.tcp("169.254.169.254", 80), Optional.empty());
                    }
                }
                default -> sample(i, vm);
            }
        }
    }

    /** As somebody does who looks for open ports. */
    private void scan(FakeVM vm) {
        for (int port = 1; port <= 25; port++) {
            tell(vm, Flow.tcp("10.0.0.1", port), Optional.empty());
        }
    }

    private Optional<String> name() {
        return Optional.of(NAMES.get(random.nextInt(NAMES.size())));
    }

    private void tell(FakeVM vm, Flow flow, Optional<String> name) {
        hypervisor
                .events()
                .publish(ConnectionAttempted.of(
                        now(), identity(vm), flow, NetworkPolicy.agentDefault().evaluate(flow), name));
    }

    private void sample(int index, FakeVM vm) {
        moved[index] += random.nextInt(500_000);
        hypervisor
                .events()
                .publish(new TrafficSampled.Builder()
                        .time(now())
                        .vm(identity(vm))
                        .interval(STEP)
                        .sentBytes(moved[index])
                        .receivedBytes(moved[index] * 9)
                        .build());
    }

    private static VMIdentity identity(FakeVM vm) {
        return VMIdentity.of(vm.id(), vm.name());
    }
}
