package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.ReapReport;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Programs die at each step of their work; what they leave is removed, while another program works on.
 *
 * <p>The long form kills {@code agentvm.kills} programs, 1000 if not said, at moments drawn by the seed {@code
 * agentvm.seed}, every other one a part of a second later than that. Of a hundred, five may fail before their moment
 * comes, as launches do on a busy host; these are not counted.
 */
@Timeout(value = 10, unit = TimeUnit.HOURS)
class KilledProgramIT {
    /** One in the midst of each kind of work. */
    private static final Set<Moment> SHORT_FORM = EnumSet.of(
            Moment.DISK_MADE,
            Moment.DOMAIN_CREATED,
            Moment.RESUMED,
            Moment.LAUNCHED,
            Moment.EXEC,
            Moment.COPY_IN,
            Moment.FIRST_MEMORY_WRITTEN,
            Moment.SNAPSHOT_WRITTEN,
            Moment.RESTORE_DOMAIN_DESTROYED,
            Moment.RESET_DOMAIN_DESTROYED,
            Moment.POOL_REFILL,
            Moment.POOL_RESET);

    private static final Set<Moment> MOMENTS = Lab.soak() ? EnumSet.allOf(Moment.class) : SHORT_FORM;
    private static final int KILLS = Lab.soak() ? Integer.getInteger("agentvm.kills", 1000) : MOMENTS.size();
    private static final long SEED = Long.getLong("agentvm.seed", 1);
    private static final int TOGETHER = 4;
    private static final int LATEST = 500;

    /** Several at a time, so that what they leave is mixed. */
    @Test
    void reap_afterKillsAtAllMoments_leavesNothingAndDisturbsNobody() throws Exception {
        List<Death> deaths = deaths(new Random(SEED));
        List<String> late = new ArrayList<>();
        List<Death> missed = Collections.synchronizedList(new ArrayList<>());
        ExecutorService killers = Executors.newFixedThreadPool(TOGETHER);
        try (Hypervisor hypervisor = LibvirtHypervisor.connect()) {
            try (SecondProgram second = new SecondProgram(hypervisor)) {
                List<String> own = Leftovers.everything();
                for (int begin = 0; begin < deaths.size(); begin += TOGETHER) {
                    List<Death> now = deaths.subList(begin, Math.min(begin + TOGETHER, deaths.size()));
                    CompletableFuture.allOf(now.stream()
                                    .map(death -> CompletableFuture.runAsync(
                                            () -> {
                                                if (!death.happens()) {
                                                    missed.add(death);
                                                }
                                            },
                                            killers))
                                    .toArray(CompletableFuture[]::new))
                            .get(20, TimeUnit.MINUTES);

                    late.addAll(assertReaped(hypervisor, own, now));
                    second.assertUndisturbed();
                    System.out.printf(
                            "killed %d of %d, the last at %s%n", begin + now.size() - missed.size(), KILLS, now);
                }
                System.out.printf(
                        "killed %d programs by seed %d, of %s; nothing left; %d times not all at once: %s;"
                                + " meanwhile the second program ran %d commands%n",
                        KILLS - missed.size(), SEED, counts(deaths), late.size(), late, second.commands());
                assertThat(missed).hasSizeLessThanOrEqualTo(Lab.soak() ? KILLS / 20 : 0);
                assertThat(second.commands()).isGreaterThan(deaths.size());
            }
            Leftovers.assertNone();
        } finally {
            killers.shutdownNow();
        }
        assertThat(Leftovers.rules()).isEmpty();
        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            assertThat(Leftovers.guards()).isEmpty();
            assertThat(Leftovers.owners()).isEmpty();
        });
    }

    /** libvirt ends no domain with its program that was created from a saved memory; the guard does. */
    @Test
    void killOfAProgramWithARestoredVM_guardEndsTheVM() throws Exception {
        DyingProgram.kill(Moment.RESET, "dying");

        Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(Leftovers::assertNone);
    }

    @Test
    void reap_whileAnotherProgramLaunches_leavesItAlone() throws Exception {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM neighbour = hypervisor.launch(Lab.tiny("neighbour"))) {
            DyingProgram other = DyingProgram.start(Moment.LAUNCHED, "other");
            DyingProgram dying = DyingProgram.start(Moment.RESUMED, "dying");
            while (other.isAlive() && hypervisor.find("other").isEmpty()) {
                assertThat(hypervisor.reap().failed()).isEmpty();
            }
            dying.awaitMoment();
            dying.kill();
            hypervisor.reap();

            other.awaitMoment();
            hypervisor.reap();
            assertThat(Lab.output(neighbour, Command.of("echo", "untouched"))).isEqualTo("untouched");
            assertThat(hypervisor.list()).extracting(VM::name).containsExactlyInAnyOrder("neighbour", "other");

            other.kill();
            Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                hypervisor.reap();
                assertThat(hypervisor.list()).extracting(VM::name).containsExactly("neighbour");
            });
        }
        Leftovers.assertNone();
    }

    /**
     * Nothing is left but the second program's. A guard may be at the same work, and libvirt may still do what it was asked
     * to: then it takes some seconds.
     *
     * @return what was left at first
     */
    private static List<String> assertReaped(Hypervisor hypervisor, List<String> own, List<Death> deaths) {
        List<String> first = reap(hypervisor, own);
        if (first.isEmpty()) {
            return List.of();
        }
        try {
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(reap(hypervisor, own))
                            .as("after %s", deaths)
                            .isEmpty());
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(Lab.host("virsh", "list", "--all") + "\nleft at first: " + first, e);
        }
        return List.of(deaths + " left " + first);
    }

    private static List<String> reap(Hypervisor hypervisor, List<String> own) {
        ReapReport report = hypervisor.reap();
        List<String> now = Leftovers.everything();
        List<String> wrong = new ArrayList<>(now);
        wrong.removeAll(own);
        report.failed().forEach(failure -> wrong.add("not removed: " + failure));
        assertThat(now).as("what the second program has").containsAll(own);
        return wrong;
    }

    private static List<Death> deaths(Random random) {
        List<Death> deaths = new ArrayList<>();
        while (deaths.size() < KILLS) {
            List<Moment> moments = new ArrayList<>(MOMENTS);
            Collections.shuffle(moments, random);
            for (Moment moment : moments) {
                int number = deaths.size();
                int delay = Lab.soak() && random.nextBoolean() ? random.nextInt(LATEST) : 0;
                deaths.add(new Death(moment, "dying-" + number, delay));
            }
        }
        return deaths.subList(0, KILLS);
    }

    private static Map<Moment, Integer> counts(List<Death> deaths) {
        Map<Moment, Integer> counts = new EnumMap<>(Moment.class);
        deaths.forEach(death -> counts.merge(death.moment(), 1, Integer::sum));
        return counts;
    }

    /** A program that dies so many milliseconds after the moment; if at once, it stands still until then. */
    private record Death(Moment moment, String vmName, int delay) {
        /** Whether the program came so far. */
        boolean happens() {
            try {
                DyingProgram program =
                        delay > 0 ? DyingProgram.startHasty(moment, vmName) : DyingProgram.start(moment, vmName);
                if (!program.comes()) {
                    return false;
                }
                TimeUnit.MILLISECONDS.sleep(delay);
                program.kill();
                return true;
            } catch (Exception e) {
                throw new IllegalStateException(this + " did not happen", e);
            }
        }

        @Override
        public String toString() {
            return moment + "+" + delay + " ms";
        }
    }
}
