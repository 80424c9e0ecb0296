package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A program that works with a VM of its own until it is killed at a given moment. */
final class DyingProgram {
    private static final long PATIENCE = TimeUnit.MINUTES.toNanos(10);

    private final Moment moment;
    private final String vmName;
    private final Process process;

    private DyingProgram(Moment moment, String vmName, Process process) {
        this.moment = moment;
        this.vmName = vmName;
        this.process = process;
    }

    /** Starts one that stands still at the moment, if it can tell it. */
    static DyingProgram start(Moment moment, String vmName) throws IOException {
        return start(moment, vmName, true);
    }

    /** Starts one that goes on, so that it dies in whatever comes after. */
    static DyingProgram startHasty(Moment moment, String vmName) throws IOException {
        return start(moment, vmName, false);
    }

    private static DyingProgram start(Moment moment, String vmName, boolean stands) throws IOException {
        return new DyingProgram(
                moment,
                vmName,
                OtherJvm.start(List.of(), Program.class, moment.name(), vmName, Boolean.toString(stands)));
    }

    /** Starts one, and kills it at the moment. */
    static void kill(Moment moment, String vmName) throws Exception {
        DyingProgram program = start(moment, vmName);
        program.awaitMoment();
        program.kill();
    }

    /** Returns when it is time. */
    void awaitMoment() throws IOException {
        assertThat(comes()).as("%s of %s comes", moment, vmName).isTrue();
    }

    /** Returns when it is time, or with false when the program has ended before, since what it did has failed. */
    boolean comes() throws IOException {
        String said = process.inputReader().readLine();
        if (said == null) {
            return false;
        }
        assertThat(said).isEqualTo("AT " + moment);
        HostEye host = new HostEye(vmName);
        long begin = System.nanoTime();
        while (!moment.isSeen(host)) {
            if (!process.isAlive()) {
                return false;
            }
            assertThat(System.nanoTime() - begin)
                    .as("%s of %s is seen in time", moment, vmName)
                    .isLessThan(PATIENCE);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
        return true;
    }

    /** Kills it, without a chance to do anything about it. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        assertThat(process.waitFor()).as("killed by signal 9").isEqualTo(137);
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** The program itself. */
    static final class Program {
        private Program() {}

        /** Arguments: the moment, the VM's name, and whether to stand still then. */
        public static void main(String[] args) throws Exception {
            Moment moment = Moment.valueOf(args[0]);
            boolean stands = Boolean.parseBoolean(args[2]) && moment.canStandStill();
            moment.work(LibvirtHypervisor.connect(), args[1], () -> {
                System.out.println("AT " + moment);
                if (stands) {
                    standStill();
                }
            });
            standStill();
        }

        private static void standStill() {
            while (true) {
                LockSupport.park();
            }
        }
    }
}
