package dev.agentvm;

import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkMode;
import dev.agentvm.network.NetworkPolicy;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.immutables.value.Value;

/**
 * What a VM shall be. Complete by default; the name is the only field that must be set:
 *
 * <pre>{@code
 * VMTemplate template = new VMTemplate.Builder().name("vm").build();
 * }</pre>
 *
 * <p>Immutable, safe for use by many threads.
 */
@TemplateStyle
@Value.Immutable
public abstract class VMTemplate implements WithVMTemplate {
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_.-]{0,60}");
    private static final Pattern LABEL = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?");
    private static final int MAX_LABELS = 64;
    private static final int MAX_LABEL_VALUE = 256;

    VMTemplate() {}

    /** The VM's name, unique on its host: a letter, then up to 60 characters of A-Z a-z 0-9 _ . - */
    public abstract String name();

    /** What the VM boots; the image named {@code default} if not said. */
    @Value.Default
    public GuestImage image() {
        return GuestImage.named("default");
    }

    /** How much of the host it may use; {@link Resources#standard()} if not said. */
    @Value.Default
    public Resources resources() {
        return Resources.standard();
    }

    /** How it is attached to the network; {@link NetworkMode#NAT_FILTERED} if not said. */
    @Value.Default
    public NetworkMode networkMode() {
        return NetworkMode.NAT_FILTERED;
    }

    /**
     * What it may reach; {@link NetworkPolicy#agentDefault()} if not said. A VM in {@link NetworkMode#ISOLATED} has no
     * network to which another policy could apply, so it is refused there.
     */
    @Value.Default
    public NetworkPolicy networkPolicy() {
        return NetworkPolicy.agentDefault();
    }

    /** How fast it may send and receive; {@link BandwidthLimit#standard()} if not said. */
    @Value.Default
    public BandwidthLimit bandwidth() {
        return BandwidthLimit.standard();
    }

    /** What cloud-init does at the first boot of an image that has it; nothing is prepared for it if empty. */
    public abstract Optional<CloudInit> cloudInit();

    /**
     * How long after its launch the VM is destroyed, more than zero and at most 3650 days; never if empty. The program that
     * launched it sees to that while it lives, and then or if it hangs {@link Hypervisor#reap} of any other.
     */
    public abstract Optional<Duration> timeToLive();

    /**
     * How long the VM may go without a command before it is destroyed, more than zero and at most 3650 days; for ever if
     * empty. It is not idle while something that {@link VM#exec}, {@link VM#start} or {@link VM#files} began is under way,
     * through whichever handle of whichever program; what else goes on in the guest does not count. The program that
     * launched it sees to that while it lives, and then or if it hangs {@link Hypervisor#reap} of any other, which sees the
     * use of a VM by its mark and so waits a little longer: half of the timeout, from 2 seconds to 2 minutes.
     */
    public abstract Optional<Duration> idleTimeout();

    /**
     * What the host application wants to remember of the VM, kept with it. At most 64; keys of 1 to 63 characters of
     * A-Z a-z 0-9 _ . / - that begin and end with a letter or digit, values of at most 256 characters that are
     * well-formed and no control characters.
     */
    public abstract Map<String, String> labels();

    @Value.Check
    void check() {
        if (!NAME.matcher(name()).matches()) {
            throw new InvalidTemplateException(
                    "name", name(), "must be a letter, then up to 60 characters of A-Z a-z 0-9 _ . -");
        }
        if (networkMode().equals(NetworkMode.ISOLATED) && !networkPolicy().equals(NetworkPolicy.agentDefault())) {
            throw new InvalidTemplateException(
                    "networkPolicy",
                    networkPolicy(),
                    "has no effect in NetworkMode.ISOLATED, which has no network; leave it out or choose another mode");
        }
        positive("timeToLive", timeToLive());
        positive("idleTimeout", idleTimeout());
        if (labels().size() > MAX_LABELS) {
            throw new InvalidTemplateException("labels", labels().size(), "there may be at most " + MAX_LABELS);
        }
        labels().forEach(VMTemplate::checkLabel);
    }

    private static void positive(String field, Optional<Duration> time) {
        if (time.isPresent() && !Checks.isPositive(time.get())) {
            throw new InvalidTemplateException(
                    field, time.get(), "must be more than zero and at most " + Checks.LONGEST.toDays() + " days");
        }
    }

    private static void checkLabel(String key, String value) {
        if (!LABEL.matcher(key).matches()) {
            throw new InvalidTemplateException(
                    "labels",
                    key,
                    "a key must be 1 to 63 characters of A-Z a-z 0-9 _ . / - that begin and end with a letter or digit");
        }
        if (value.length() > MAX_LABEL_VALUE || !Checks.isXmlLine(value)) {
            throw new InvalidTemplateException(
                    "labels",
                    key + "=" + value,
                    "a value must be at most " + MAX_LABEL_VALUE
                            + " characters, well-formed, without control characters");
        }
    }

    /** A builder that starts with this template. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes a {@link VMTemplate}. {@code build()} throws {@link InvalidTemplateException} that names the field, the value
     * and what would be right. Not thread-safe.
     */
    public static final class Builder extends ImmutableVMTemplate.Builder {
        /** Starts with all defaults and no name. */
        public Builder() {}
    }
}
