package dev.agentvm.testkit.junit;

import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.Images;
import dev.agentvm.LaunchOptions;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.VMEvents;
import dev.agentvm.testkit.FakeHypervisor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;

/** The hypervisor of one test, or of one class, and all VMs that were launched with it. Safe for use by many threads. */
final class Session implements AutoCloseable {
    private static final int LONGEST_NAME = 61;

    private final Hypervisor hypervisor;
    private final List<VM> launched;

    private Session(Hypervisor hypervisor, List<VM> launched) {
        this.hypervisor = hypervisor;
        this.launched = launched;
    }

    static Session fake(String... images) {
        List<VM> launched = new CopyOnWriteArrayList<>();
        FakeHypervisor.Builder fake = new FakeHypervisor.Builder().onLaunch(launched::add);
        for (String image : images) {
            fake.addImage(image);
        }
        return new Session(fake.build(), launched);
    }

    static Session real(Hypervisor hypervisor) {
        List<VM> launched = new CopyOnWriteArrayList<>();
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
        for (VM vm : launched) {
            String prefix = "agentvm." + vm.name() + ".";
            entries.put(prefix + "serial", readable(vm.serialLog()));
            entries.put(prefix + "network", readable(vm.connectionLog().toString()));
        }
        return entries;
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

    /** Detached VMs go too, which would outlive their hypervisor. */
    @Override
    public void close() {
        List<RuntimeException> failures = new ArrayList<>();
        launched.forEach(vm -> attempt(() -> destroy(vm), failures));
        attempt(hypervisor::close, failures);
        if (!failures.isEmpty()) {
            RuntimeException first = failures.get(0);
            failures.subList(1, failures.size()).forEach(first::addSuppressed);
            throw first;
        }
    }

    private static void destroy(VM vm) {
        try {
            vm.destroy();
        } catch (HypervisorUnavailableException e) {
            // The test has closed its hypervisor, and has so decided what lives on.
        }
    }

    private static void attempt(Runnable step, List<RuntimeException> failures) {
        try {
            step.run();
        } catch (RuntimeException e) {
            failures.add(e);
        }
    }

    /** Remembers what is launched, so that a VM that the test has closed can be reported too. */
    private static final class Watched implements Hypervisor {
        private final Hypervisor hypervisor;
        private final List<VM> launched;

        Watched(Hypervisor hypervisor, List<VM> launched) {
            this.hypervisor = hypervisor;
            this.launched = launched;
        }

        @Override
        public VM launch(VMTemplate template, LaunchOptions options) {
            VM vm = hypervisor.launch(template, options);
            launched.add(vm);
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
        public VMEvents events() {
            return hypervisor.events();
        }

        @Override
        public ReapReport reap(boolean dryRun) {
            return hypervisor.reap(dryRun);
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
