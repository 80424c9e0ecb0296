package dev.agentvm.testkit.junit;

import dev.agentvm.Hypervisor;
import dev.agentvm.Images;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.testkit.ConnectionAttempt;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The hypervisor of one test, or of one class, and all VMs that were launched with it. Safe for use by many threads. */
final class Session implements AutoCloseable {
    private static final int LONGEST_NAME = 61;

    private final Hypervisor hypervisor;
    private final List<Launched> launched;

    private Session(Hypervisor hypervisor, List<Launched> launched) {
        this.hypervisor = hypervisor;
        this.launched = launched;
    }

    /** A VM, gone or not, and what can be told of its network. */
    private record Launched(VM vm, Supplier<String> network) {}

    static Session fake(String... images) {
        List<Launched> launched = new CopyOnWriteArrayList<>();
        FakeHypervisor.Builder fake =
                new FakeHypervisor.Builder().onLaunch(vm -> launched.add(new Launched(vm, () -> connections(vm))));
        for (String image : images) {
            fake.addImage(image);
        }
        return new Session(fake.build(), launched);
    }

    static Session real(Hypervisor hypervisor) {
        List<Launched> launched = new CopyOnWriteArrayList<>();
        return new Session(new Watched(hypervisor, launched), launched);
    }

    Hypervisor hypervisor() {
        return hypervisor;
    }

    VM launch(VMTemplate template) {
        return hypervisor.launch(template.withName(unique(template.name())));
    }

    private static String unique(String name) {
        String suffix = "-" + UUID.randomUUID().toString().substring(0, 8);
        return name.substring(0, Math.min(name.length(), LONGEST_NAME - suffix.length())) + suffix;
    }

    /** What is worth knowing of each VM after a failure, by the name of the entry. */
    Map<String, String> report() {
        Map<String, String> entries = new LinkedHashMap<>();
        for (Launched one : launched) {
            String prefix = "agentvm." + one.vm().name() + ".";
            entries.put(prefix + "serial", readable(one.vm().serialLog()));
            entries.put(prefix + "network", readable(one.network().get()));
        }
        return entries;
    }

    private static String connections(FakeVM vm) {
        return vm.connections().stream().map(Session::line).collect(Collectors.joining("\n"));
    }

    private static String line(ConnectionAttempt attempt) {
        return attempt.time() + " " + attempt.flow() + " " + attempt.verdict();
    }

    private static String policy(VMTemplate template) {
        return template.networkMode().equals(NetworkMode.ISOLATED)
                ? "no network"
                : template.networkPolicy().explain();
    }

    /** A report is read in terminals, and a hostile guest writes to its console what it likes. */
    private static String readable(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().filter(c -> c != '\r').forEach(c -> {
            boolean plain = c == '\n' || c == '\t' || !misleads(c);
            shown.append(plain ? Character.toString(c) : String.format("\\u%04x", c));
        });
        return shown.toString().isBlank() ? "(nothing)" : shown.toString();
    }

    private static boolean misleads(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE -> true;
            default -> false;
        };
    }

    @Override
    public void close() {
        hypervisor.close();
    }

    /** Remembers what is launched, so that a VM that the test has closed can be reported too. */
    private static final class Watched implements Hypervisor {
        private final Hypervisor hypervisor;
        private final List<Launched> launched;

        Watched(Hypervisor hypervisor, List<Launched> launched) {
            this.hypervisor = hypervisor;
            this.launched = launched;
        }

        @Override
        public VM launch(VMTemplate template, LaunchOptions options) {
            VM vm = hypervisor.launch(template, options);
            launched.add(new Launched(vm, () -> policy(template)));
            return vm;
        }

        @Override
        public Optional<VM> find(String name) {
            return hypervisor.find(name);
        }

        @Override
        public List<VM> list() {
            return hypervisor.list();
        }

        @Override
        public Images images() {
            return hypervisor.images();
        }

        @Override
        public ReapReport reap() {
            return hypervisor.reap();
        }

        @Override
        public void close() {
            hypervisor.close();
        }

        @Override
        public String toString() {
            return hypervisor.toString();
        }
    }
}
