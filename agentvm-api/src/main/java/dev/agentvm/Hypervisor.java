package dev.agentvm;

import dev.agentvm.event.VMEvents;
import java.util.List;
import java.util.Optional;

/**
 * Launches and finds VMs on one host. Safe for use by many threads.
 *
 * <p>Calls throw {@link HypervisorUnavailableException} if the hypervisor cannot be reached, was lost meanwhile, or is
 * closed.
 */
public interface Hypervisor extends AutoCloseable {
    /** Launches a VM with {@link LaunchOptions#standard()}. */
    default VM launch(VMTemplate template) {
        return launch(template, LaunchOptions.standard());
    }

    /**
     * Launches a VM and waits until its guest agent answers. Its policy is in force before its first instruction. If
     * anything fails, all that was done is undone and the exception names the step. So it is if the thread is
     * interrupted: {@link AgentVMException} is then thrown with the thread's interrupt status set.
     *
     * @throws HostNotReadyException if the host cannot keep what the template promises
     * @throws ImageNotFoundException if there is no such image
     * @throws VMAlreadyExistsException if the name is taken
     * @throws OperationTimeoutException if the guest agent does not answer in time; the message has the last lines of
     *     the guest's serial console
     * @throws VMDestroyedException if the guest ends before its agent answers
     */
    VM launch(VMTemplate template, LaunchOptions options);

    /**
     * The running VM of that name that this library launched, by whichever program. Closing the handle leaves it
     * running.
     */
    Optional<VM> find(String name);

    /**
     * All running VMs that this library launched on this host, by whichever program. Closing the handles leaves them
     * running.
     */
    List<VM> list();

    /** The named images that VMs can boot. */
    Images images();

    /**
     * What happens to the VMs that this object launched, and what it does to others. A listener that must hear of every
     * launch is registered before the first, which builders offer too.
     */
    VMEvents events();

    /**
     * Removes what programs left that died: VMs, disks, filters and reservations that carry this library's mark or
     * stand in the journal of a launch whose program is gone; and VMs past their time to live or their idle timeout,
     * whether their program lives, hangs or is gone. Never touches what another living program uses, nor anything by its
     * name alone.
     */
    default ReapReport reap() {
        return reap(false);
    }

    /**
     * Does what {@link #reap()} does, or only says what that would remove.
     *
     * @param dryRun whether to leave everything as it is
     */
    ReapReport reap(boolean dryRun);

    /**
     * Destroys the attached VMs that are still open and lets go of the host; launches that are under way fail and are
     * undone. Listeners are still told of that. Closing twice does nothing.
     */
    @Override
    void close();
}
