package dev.agentvm;

import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.ConnectionLog;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A virtual machine. Safe for use by many threads.
 *
 * <p>Calls on a VM that is gone throw {@link VMDestroyedException}, except those that say otherwise; calls that need a
 * hypervisor which cannot be reached, was lost meanwhile or is closed throw {@link HypervisorUnavailableException}.
 */
public interface VM extends AutoCloseable {
    /** Its name. Answers for a VM that is gone too. */
    String name();

    /** Its identity, unlike that of any other VM before or after. Answers for a VM that is gone too. */
    UUID id();

    /** The labels of its template. Answers for a VM that is gone too. */
    Map<String, String> labels();

    /** Where it is in its life. Answers for a VM that is gone too. */
    VMState state();

    /**
     * Why it is gone, in words, or empty if it is not. If its time to live was over, they say {@code time to live}, if
     * it was idle for too long, {@code idle}, whichever program has ended it. Answers for a VM that is gone too.
     */
    Optional<String> endReason();

    /**
     * Waits until the VM is gone. Answers for a VM that is gone too.
     *
     * @param timeout how long to wait at most; zero or less only looks
     * @return whether it is gone
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set
     */
    boolean awaitEnd(Duration timeout);

    /**
     * How it is attached to its network; empty without a network, and of a VM that was found while it was being launched
     * and its address had still to be learnt. Answers for a VM that is gone too.
     */
    Optional<NetworkAttachment> attachment();

    /**
     * Runs a command in the guest and waits for its end. Processes that it leaves running do not hold this up; what
     * they write after its end is lost. If the thread is interrupted, the command is killed, and {@link
     * AgentVMException} is thrown with the thread's interrupt status set.
     *
     * @throws CommandStartException if the guest has no such program, or may not run it, or cannot enter the working
     *     directory
     * @throws CommandTimeoutException if it runs longer than its timeout; it was then killed, with the processes that
     *     it started, except those that made themselves daemons
     * @throws OutputLimitException if it writes more than its {@link Command#outputLimit}, unless that is to keep the
     *     ends; it was then killed
     * @throws GuestAgentException if the guest's agent is silent, or refuses, or answers nonsense
     * @throws VMRestoredException if the VM is being put back to an earlier state, or is meanwhile
     * @throws VMDestroyedException if the VM is or goes away
     */
    ExecResult exec(Command command);

    /**
     * Starts a command in the guest and returns while it runs. What it writes can be read as it comes, its standard
     * input be written meanwhile. It counts as running for the template's idle timeout. Closing this handle kills it,
     * also when the VM lives on.
     *
     * @throws CommandStartException if the guest has no such program, or may not run it, or cannot enter the working
     *     directory
     * @throws GuestAgentException if the guest's agent is silent, or refuses, or answers nonsense, or if the guest
     *     lacks {@code setsid}, {@code mkfifo}, {@code dd}, {@code cat} or {@code sleep}
     * @throws VMRestoredException if the VM is being put back to an earlier state
     * @throws VMDestroyedException if the VM is or goes away
     * @throws AgentVMException if the thread is interrupted, whose interrupt status is then set; the command was killed
     */
    VMProcess start(Command command);

    /** The guest's files. Each call counts as a command that runs for the template's idle timeout. */
    VMFiles files();

    /**
     * Replaces what the VM may reach. The new policy is in force when this returns, without a moment in which neither is;
     * connections that the new one does not allow are cut. Changes from several threads are made one after the other. If
     * this fails, the policy that was in force stays.
     *
     * @throws InvalidValueException if the VM has no network
     * @throws HostNotReadyException if another program has changed the VM's filter
     * @throws VMDestroyedException if the VM is or goes away
     */
    void setNetworkPolicy(NetworkPolicy policy);

    /**
     * The policy that is in force, as far as this program knows: the last that it set, or that it launched the VM with.
     * Empty without a network, and on a VM that another program launched until this one sets a policy. Answers for a VM
     * that is gone too.
     */
    Optional<NetworkPolicy> networkPolicy();

    /**
     * Replaces how fast the VM may send and receive, at once and for connections that are open too. Where the host cannot
     * shape traffic, the limit is not applied and {@link #warnings()} says so, unless it is
     * {@linkplain BandwidthLimit#required() required}.
     *
     * @throws InvalidValueException if the VM has no network
     * @throws HostNotReadyException if the limit is required and the host cannot shape traffic
     * @throws VMDestroyedException if the VM is or goes away
     */
    void setBandwidth(BandwidthLimit limit);

    /**
     * What the VM has tried on its network since its launch or last restore, and what has reached it there. Attempts
     * appear within a second. A VM that another program launched is watched by that program; here its log is empty and
     * says so. Answers for a VM that is gone too.
     */
    ConnectionLog connectionLog();

    /** What really holds the VM back on this host. */
    Isolation isolation();

    /**
     * The promises that this host keeps in a weaker form now, each with its reason; empty if there are none, and on a
     * VM that another program launched, which alone knows them. Answers for a VM that is gone too.
     */
    List<String> warnings();

    /**
     * The last that the guest wrote to its serial console since its launch or last restore, 64 KiB at most; empty on a
     * VM that another program launched, which reads it. Answers for a VM that is gone too.
     */
    String serialLog();

    /**
     * Keeps the VM as it is now, memory and disk together, under a name. The guest stands still meanwhile, for about as
     * long as the host takes to write its memory to a disk; then its clock is set, and commands go on, though their
     * timeouts run on meanwhile, and file copies that hear nothing for too long fail. If this fails, nothing is kept
     * and the VM goes on, unless it cannot be known whether it failed: then the VM is destroyed, and the exception says
     * so. Snapshots are gone with their VM.
     *
     * @param name a letter, then up to 60 of A-Z a-z 0-9 _ . -
     * @throws InvalidValueException if that is no name
     * @throws SnapshotAlreadyExistsException if the name is taken
     * @throws VMDestroyedException if the VM is or goes away
     * @throws AgentVMException if the VM was not launched {@linkplain LaunchOptions#resettable resettable}, is paused,
     *     has as many snapshots as it can have, or was launched by another program, which alone knows its snapshots; or
     *     if the thread is interrupted when it calls. Once begun, this goes on
     */
    Snapshot snapshot(String name);

    /**
     * Puts the VM back to a snapshot. What the guest has done since is gone from its memory and its disk; its identity,
     * name, labels and address stay, and so do all snapshots. What the guest's kernel knows of its connections is that
     * of the snapshot, while the host has forgotten them, where it lets this program do so; else {@link #warnings()}
     * says so. Before this returns, the guest's clock is set and its random numbers take another course.
     *
     * <p>The network policy and the bandwidth limit that are in force stay in force, from the first instruction on.
     * {@link #connectionLog()} and {@link #serialLog()} begin anew; the times of the template count on.
     *
     * <p>Commands and file copies under way, and what is called meanwhile, fail with {@link VMRestoredException}.
     * Programs that commands ran at the time of the snapshot run again in the guest, and belong to nobody. If the
     * restore fails after it has begun, the VM is destroyed, and the exception says so.
     *
     * @throws SnapshotNotFoundException if there is none of that name
     * @throws HostNotReadyException if the policy was not found in force; the VM was not let run
     * @throws VMDestroyedException if the VM is or goes away
     * @throws GuestAgentException if the guest does not answer afterwards, or its clock cannot be set
     * @throws AgentVMException if the VM is paused, or was launched by another program, or if the thread is interrupted
     *     when it calls. Once begun, this goes on
     */
    void restore(String name);

    /**
     * Its snapshots, the earliest first; none of a VM that is gone.
     *
     * @throws AgentVMException if the VM was launched by another program
     */
    List<Snapshot> snapshots();

    /**
     * Deletes a snapshot. The others, and what the VM has on its disk, stay.
     *
     * @throws SnapshotNotFoundException if there is none of that name
     * @throws VMDestroyedException if the VM is or goes away
     * @throws AgentVMException if the VM was launched by another program
     */
    void deleteSnapshot(String name);

    /**
     * Puts the VM back to what it was just after its launch, as {@link #restore} does, and deletes its snapshots. If it
     * was launched {@linkplain LaunchOptions#resettable resettable}, it goes on from the memory that was kept then;
     * else it boots anew from a fresh disk, which takes as long as at its launch.
     *
     * @throws HostNotReadyException if the policy was not found in force; the VM was not let run
     * @throws VMDestroyedException if the VM is or goes away
     * @throws OperationTimeoutException if it boots anew and the guest agent does not answer in time
     * @throws GuestAgentException if the guest does not answer afterwards, or its clock cannot be set
     * @throws AgentVMException if the VM is paused, or was launched by another program, or if the thread is interrupted
     *     when it calls. Once begun, this goes on
     */
    void reset();

    /**
     * Lets the guest stand still: when this returns, its processors do nothing more until {@link #resume}. Its memory and
     * disk stay, and so does what the host holds for it. Does nothing if it stands still already, whoever paused it.
     *
     * <p>What needs the guest's agent ({@link #exec}, {@link #start}, {@link #files}) fails meanwhile with a {@link
     * GuestAgentException} that is {@linkplain AgentVMException#retryable retryable}, and it cannot be put back to an earlier
     * state. Commands that are under way stand still with the guest; their timeouts run on, and one whose time is over goes on
     * with the guest if it cannot be killed before. A command that is just beginning or ending may fail as those that come
     * later do. File copies that hear nothing for too long fail. The network policy and the bandwidth limit can be
     * changed, and the VM can be destroyed. Its time to live and its idle timeout count on. Connections stay open for as
     * long as the other side waits for an answer.
     *
     * <p>If the VM is being put back to an earlier state, or a snapshot is taken, this waits for that.
     *
     * @throws VMDestroyedException if the VM is or goes away
     * @throws AgentVMException if the VM is being launched, or was launched by another program, which alone knows whether it
     *     may run
     */
    void pause();

    /**
     * Lets a guest that stands still run on, and sets its clock, which stood still with it. Does nothing if it runs. Waits as
     * {@link #pause} does, so that a guest never runs before its policy was found in force.
     *
     * @throws VMDestroyedException if the VM is or goes away
     * @throws GuestAgentException if the clock cannot be set; the guest runs, and its clock may be behind by as long as it
     *     stood still
     * @throws AgentVMException if the VM is being launched, or was launched by another program, which alone knows whether it
     *     may run
     */
    void resume();

    /**
     * Destroys the VM and removes everything that its launch made. Does nothing if it is gone already.
     */
    void destroy();

    /**
     * Ends the use of this VM: an attached one is destroyed as by {@link #destroy}, a detached or found one lives on,
     * without what was {@linkplain #start started} through this handle; if it is being put back to an earlier state, this
     * waits until it is. Closing twice does nothing.
     */
    @Override
    void close();
}
