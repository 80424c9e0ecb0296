package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.VMState;
import dev.agentvm.VMTemplate;
import dev.agentvm.event.EventsLost;
import dev.agentvm.event.ObservationLimited;
import dev.agentvm.event.Registration;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.traces.Trace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;

/**
 * Records traces of Debian guests at work and under attack, for as long as {@code lab/traces} says, which prepares it;
 * no test of the library, and so not named like one.
 */
class TraceRecording {
    private static final Path FOLDER = Path.of(property("folder"));
    private static final Path TOOLS = Path.of(property("tools"));
    private static final long SEED = Long.parseLong(property("seed"));
    private static final int WORKERS = Integer.parseInt(property("workers"));
    private static final int ATTACKERS = Integer.parseInt(property("attackers"));

    /** Those that are named, or all. */
    private static final List<Attacks.Attack> ATTACKS = Attacks.ALL.stream()
            .filter(attack -> property("attacks").isEmpty()
                    || Set.of(property("attacks").split(","))
                            .contains(attack.step().name()))
            .toList();

    private final Duration length = Duration.ofMinutes(Long.parseLong(property("minutes")));
    private final Map<String, List<VMEvent>> heard = new ConcurrentHashMap<>();
    private final List<VMEvent> gaps = Collections.synchronizedList(new ArrayList<>());
    /** Guests that boot at once keep each other from it. */
    private final Semaphore launches = new Semaphore(4);
    /** Until all guests are ready, none of them works. */
    private final CountDownLatch ready = new CountDownLatch(WORKERS + ATTACKERS);

    private static String property(String name) {
        return System.getProperty("agentvm.traces." + name, "");
    }

    @Test
    void record() throws IOException, InterruptedException, ExecutionException {
        Files.createDirectories(FOLDER);
        List<Process> servers = tunnelServers();
        ExecutorService threads = Executors.newCachedThreadPool();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            Registration registration = hypervisor.events().listen(this::hear);
            List<Callable<String>> lanes = new ArrayList<>();
            for (int lane = 1; lane <= ATTACKERS; lane++) {
                String name = "attacker-" + lane;
                long seed = SEED * 100 + lane;
                lanes.add(() -> attack(hypervisor, registration, name, seed));
            }
            for (int lane = 1; lane <= WORKERS; lane++) {
                String name = "worker-" + lane;
                long seed = SEED * 100 + 50 + lane;
                lanes.add(() -> work(hypervisor, registration, name, seed));
            }
            for (Future<String> lane : threads.invokeAll(lanes)) {
                say(lane.get() + " is done");
            }
        } finally {
            threads.shutdownNow();
            servers.forEach(Process::destroy);
        }
        assertThat(gaps).as("nothing was lost").isEmpty();
    }

    private void hear(VMEvent event) {
        if (event instanceof EventsLost || event instanceof ObservationLimited) {
            gaps.add(event);
        } else if (Trace.keeps(event)) {
            heard(event.vm().name()).add(event);
        }
    }

    private List<VMEvent> heard(String vm) {
        return heard.computeIfAbsent(vm, any -> Collections.synchronizedList(new ArrayList<>()));
    }

    private VM launch(Hypervisor hypervisor, String name, boolean hostile) throws InterruptedException {
        VMTemplate template = new VMTemplate.Builder()
                .name(name)
                .image(GuestImage.named("debian"))
                .resources(new Resources.Builder()
                        .vcpus(1)
                        .memoryMiB(768)
                        .diskGiB(6)
                        .build())
                .build();
        launches.acquire();
        try {
            VM vm = hypervisor.launch(template, LaunchOptions.standard().withTimeout(Duration.ofMinutes(20)));
            AgentWork.setUp(vm);
            if (hostile) {
                vm.files().copyIn(TOOLS.resolve("tools.tar"), "/root");
                Lab.output(vm, Command.of("tar", "-C", "/", "--keep-directory-symlink", "-xf", "/root/tools.tar"));
            }
            say(name + " is ready");
            return vm;
        } finally {
            launches.release();
            ready.countDown();
        }
    }

    private Instant whenAllAreReady(Registration registration, VM vm) throws InterruptedException {
        ready.await();
        deliver(registration);
        heard(vm.name()).clear();
        return Instant.now();
    }

    private static boolean goesOn(VM vm, Instant end) {
        return Instant.now().isBefore(end) && vm.state() == VMState.RUNNING;
    }

    /** Ordinary work until the end, as one trace. */
    private String work(Hypervisor hypervisor, Registration registration, String name, long seed)
            throws InterruptedException {
        Random random = new Random(seed);
        List<String> steps = new ArrayList<>();
        try (VM vm = launch(hypervisor, name, false)) {
            Instant began = whenAllAreReady(registration, vm);
            while (goesOn(vm, began.plus(length))) {
                steps.add(run(vm, AgentWork.next(random), random.nextLong(), began)
                        .line());
                Thread.sleep(random.nextLong(3_000, 20_000));
            }
            long failed =
                    steps.stream().filter(step -> step.endsWith(" failed")).count();
            assertThat(failed * 10).as("of %s", steps).isLessThanOrEqualTo(steps.size());
            save(registration, vm, name, seed, began, Optional.empty(), steps);
        }
        return name;
    }

    /** One attack after the other until the end, each after a step of ordinary work, as a trace of its own. */
    private String attack(Hypervisor hypervisor, Registration registration, String name, long seed)
            throws InterruptedException {
        Random random = new Random(seed);
        try (VM vm = launch(hypervisor, name, true)) {
            Instant end = whenAllAreReady(registration, vm).plus(length);
            for (int round = 1; goesOn(vm, end); round++) {
                List<Attacks.Attack> order = new ArrayList<>(ATTACKS);
                Collections.shuffle(order, random);
                for (Attacks.Attack attack : order) {
                    if (goesOn(vm, end)) {
                        attack(registration, vm, name + "-" + round, attack, random.nextLong());
                    }
                }
            }
        }
        return name;
    }

    private void attack(Registration registration, VM vm, String prefix, Attacks.Attack attack, long seed)
            throws InterruptedException {
        Random random = new Random(seed);
        deliver(registration);
        heard(vm.name()).clear();
        Instant began = Instant.now();
        List<String> steps = new ArrayList<>();
        AgentWork.Step before = AgentWork.next(random);
        while (!Set.of("clone", "apt", "mistakes").contains(before.name())) {
            before = AgentWork.next(random);
        }
        steps.add(run(vm, before, random.nextLong(), began).line());
        Thread.sleep(attack.calm().toMillis());
        Duration attacked = Duration.between(began, Instant.now());
        Outcome outcome = run(vm, attack.step(), random.nextLong(), began);
        steps.add(outcome.line());
        String name = prefix + "-" + attack.step().name();
        if (!outcome.success()) {
            say(name + " did not take place: " + outcome.output());
            return;
        }
        Thread.sleep(isSeenInSamples(attack) ? 12_000 : 3_000);
        Set<String> expected = new TreeSet<>(attack.expected());
        outcome.output()
                .lines()
                .filter(line -> line.startsWith("expected "))
                .forEach(line -> expected.add(line.substring("expected ".length())));
        Trace.Attack told = new Trace.Attack(
                attack.step().name(), attack.step().script(), attacked, expected, new TreeSet<>(attack.allowed()));
        save(registration, vm, name, seed, began, Optional.of(told), steps);
    }

    /** Until the next one, then. */
    private static boolean isSeenInSamples(Attacks.Attack attack) {
        return !attack.calm().isZero() || attack.expected().contains("upload-ratio");
    }

    private record Outcome(boolean success, String line, String output) {}

    private static Outcome run(VM vm, AgentWork.Step step, long seed, Instant began) {
        String line = Duration.between(began, Instant.now()).toSeconds() + " " + step.name();
        try {
            ExecResult result = vm.exec(step.command(seed));
            if (!result.success()) {
                say(vm.name() + " " + line + " " + result + " " + result.stderrText());
            }
            return new Outcome(
                    result.success(),
                    line + (result.success() ? "" : " failed"),
                    result.stdoutText() + result.stderrText());
        } catch (AgentVMException e) {
            say(vm.name() + " " + line + " " + e);
            return new Outcome(false, line + " failed", e.toString());
        }
    }

    private void save(
            Registration registration,
            VM vm,
            String name,
            long seed,
            Instant began,
            Optional<Trace.Attack> attack,
            List<String> steps) {
        deliver(registration);
        Duration length = Duration.between(began, Instant.now());
        Trace.Header header =
                new Trace.Header(name, seed, began, length, vm.attachment().orElseThrow(), attack, steps);
        List<VMEvent> events = heard(vm.name());
        synchronized (events) {
            new Trace(header, List.copyOf(events)).write(FOLDER.resolve(name + ".jsonl.gz"));
        }
        say(name + ": " + events.size() + " events in " + length.toSeconds() + " s");
    }

    private static void deliver(Registration registration) {
        assertThat(registration.awaitDelivery(Duration.ofMinutes(1))).isTrue();
    }

    /** The other ends of tunnels, to which the pretend Internet's name server sends on what is asked below them. */
    private static List<Process> tunnelServers() throws IOException {
        Path relay = Files.writeString(Files.createTempFile("dns2tcpd", ".conf"), """
                listen = 127.0.0.1
                port = 5301
                user = nobody
                chroot = /tmp
                domain = relay.example.com
                resources = web:127.0.0.1:80
                """);
        return List.of(
                server(
                        "usr/sbin/iodined",
                        "-f",
                        "-c",
                        "-P",
                        "secret",
                        "-l",
                        "127.0.0.1",
                        "-p",
                        "5300",
                        "10.99.0.1/24",
                        "tunnel.example.com"),
                server("usr/bin/dns2tcpd", "-F", "-f", relay.toString()));
    }

    private static Process server(String program, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("ip", "netns", "exec", Lab.fact("INTERNET_NAMESPACE")));
        command.add(TOOLS.resolve("tree").resolve(program).toString());
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static void say(String line) {
        System.out.println(Instant.now() + " " + line.strip());
    }
}
