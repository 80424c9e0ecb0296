package dev.agentvm.examples.watch;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A VM in which a command runs over and over, by a thread of its own, until the hypervisor is closed. */
final class Work {
    private static final int PAUSE_MILLIS = 500;

    private Work() {}

    static void begin(Hypervisor hypervisor, String name, String image, Command command, CountDownLatch stop) {
        VMTemplate template = new VMTemplate.Builder()
                .name(name)
                .image(GuestImage.named(image))
                .build();
        Thread thread = new Thread(() -> repeat(hypervisor, template, command, stop), name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void repeat(Hypervisor hypervisor, VMTemplate template, Command command, CountDownLatch stop) {
        try (VM vm = hypervisor.launch(template)) {
            do {
                vm.exec(command);
            } while (!stop.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS));
        } catch (AgentVMException e) {
            // What ended is on the board.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
