package dev.agentvm.monitor;

import dev.agentvm.InvalidValueException;
import java.time.Duration;
import java.util.Set;
import org.immutables.value.Value;

/**
 * From when on the detectors find something: at the threshold itself, not below it. The standard ones keep quiet about
 * the ordinary work of coding agents, as {@code docs/monitoring.md} tells. All times are more than zero and at most
 * 3,650 days. Immutable, safe for use by many threads.
 */
@ValueStyle
@Value.Immutable
public abstract class Thresholds implements WithThresholds {
    private static final long MIB = 1024L * 1024;
    static final int MOST_COUNTED = 10_000;

    Thresholds() {}

    /** The standard thresholds. */
    public static Thresholds standard() {
        return new Builder().build();
    }

    /** Denied attempts of the VM, whatever at: a notice. At most 10,000. */
    @Value.Default
    public Rate deniedAttempts() {
        return perMinute(100);
    }

    /** Denied attempts of the VM at different targets (address, protocol and port): an alert. At most 10,000. */
    @Value.Default
    public Rate deniedTargets() {
        return perMinute(30);
    }

    /** Different ports of one address: an alert. At most 10,000. */
    @Value.Default
    public Rate portScan() {
        return perMinute(15);
    }

    /** Different addresses at one port, each denied or known by no name: an alert. At most 10,000. */
    @Value.Default
    public Rate addressScan() {
        return perMinute(25);
    }

    /** Allowed addresses that the VM had not talked to before: a notice. At most 4,096. */
    @Value.Default
    public Rate newDestinations() {
        return perMinute(50);
    }

    /** Connections of the VM, questions for names left aside: a notice. At most 10,000. */
    @Value.Default
    public Rate connections() {
        return perMinute(100);
    }

    /** Bytes sent: a notice. */
    @Value.Default
    public Rate upload() {
        return new Rate(100 * MIB, Duration.ofSeconds(10));
    }

    /** Bytes sent that count as far more than was received if the ratio is reached too: a notice. */
    @Value.Default
    public Rate lopsidedUpload() {
        return new Rate(100 * MIB, Duration.ofMinutes(10));
    }

    /** How many bytes are sent for each received when an upload is lopsided; at least 1. */
    @Value.Default
    public double uploadRatio() {
        return 10;
    }

    /** The bytes of a label from which on a name may carry data, 1 to 63. */
    @Value.Default
    public int dnsLabelLength() {
        return 30;
    }

    /** The Shannon entropy, in bits per byte, from which on a name may carry data; 0 to 8. */
    @Value.Default
    public double dnsEntropy() {
        return 3.5;
    }

    /** Different names of one domain that may carry data by length and entropy: an alert. At most 10,000. */
    @Value.Default
    public Rate dnsLongNames() {
        return perMinute(20);
    }

    /** Different names of one domain that were asked for text or raw bytes (TXT, NULL): an alert. At most 10,000. */
    @Value.Default
    public Rate dnsTextNames() {
        return perMinute(20);
    }

    /** Different names of one domain, of whatever form: an alert. At most 10,000. */
    @Value.Default
    public Rate dnsNames() {
        return perMinute(200);
    }

    /**
     * How many times as many such names as of one domain, in the same time, are an alert of all domains together; 1 to 100.
     * 10,000 always are.
     */
    @Value.Default
    public int dnsAllDomains() {
        return 10;
    }

    /** Different names that do not exist, unless as many that do were asked for in that time: an alert. At most 10,000. */
    @Value.Default
    public Rate unknownNames() {
        return perMinute(50);
    }

    /** How many intervals between connections to one place are compared, 3 to 1,000. */
    @Value.Default
    public int beaconIntervals() {
        return 10;
    }

    /** The coefficient of variation of intervals (standard deviation by mean) up to which they are regular; 0 to 1. */
    @Value.Default
    public double beaconJitter() {
        return 0.2;
    }

    /** The mean interval from which on regular connections are a beacon. */
    @Value.Default
    public Duration beaconShortest() {
        return Duration.ofSeconds(5);
    }

    /** The mean interval up to which regular connections are a beacon. */
    @Value.Default
    public Duration beaconLongest() {
        return Duration.ofHours(1);
    }

    /** Domains of mining pools, in lower case; a question for one or for a name below it is an alert. */
    @Value.Default
    public Set<String> miningPools() {
        return KnownMiningPools.domains();
    }

    /** The share of its virtual CPUs, 0 to 1, that a VM may use for {@link #cpuTime} before it is a notice. */
    @Value.Default
    public double cpuShare() {
        return 0.9;
    }

    /** For how long a VM may use {@link #cpuShare}. */
    @Value.Default
    public Duration cpuTime() {
        return Duration.ofSeconds(30);
    }

    /** Bytes written to disks: a notice. */
    @Value.Default
    public Rate diskWrites() {
        return perMinute(1024 * MIB);
    }

    /** How many standard deviations above the mean so far are unusual, which is a notice; positive. */
    @Value.Default
    public double outlierScore() {
        return 3.0;
    }

    /** How many samples there must be before one can be unusual; at least 2. */
    @Value.Default
    public int outlierSamples() {
        return 30;
    }

    /**
     * For how long an anomaly of a kind is not told again of the same VM, unless it has become more severe.
     */
    @Value.Default
    public Duration quiet() {
        return Duration.ofSeconds(60);
    }

    /** How many events an anomaly carries as evidence at most, the latest of them; 1 to 100. */
    @Value.Default
    public int evidence() {
        return 20;
    }

    private static Rate perMinute(long amount) {
        return new Rate(amount, Duration.ofMinutes(1));
    }

    @Value.Check
    void check() {
        counted("deniedAttempts", deniedAttempts(), MOST_COUNTED);
        counted("deniedTargets", deniedTargets(), MOST_COUNTED);
        counted("portScan", portScan(), MOST_COUNTED);
        counted("addressScan", addressScan(), MOST_COUNTED);
        counted("newDestinations", newDestinations(), NewDestinations.REMEMBERED);
        counted("connections", connections(), MOST_COUNTED);
        counted("dnsLongNames", dnsLongNames(), MOST_COUNTED);
        counted("dnsTextNames", dnsTextNames(), MOST_COUNTED);
        counted("dnsNames", dnsNames(), MOST_COUNTED);
        counted("unknownNames", unknownNames(), MOST_COUNTED);
        within("uploadRatio", uploadRatio(), 1, Double.MAX_VALUE);
        within("dnsLabelLength", dnsLabelLength(), 1, 63);
        within("dnsEntropy", dnsEntropy(), 0, 8);
        within("dnsAllDomains", dnsAllDomains(), 1, 100);
        within("beaconIntervals", beaconIntervals(), 3, 1000);
        within("beaconJitter", beaconJitter(), 0, 1);
        within("cpuShare", cpuShare(), 0, 1);
        within("outlierScore", outlierScore(), Double.MIN_VALUE, Double.MAX_VALUE);
        within("outlierSamples", outlierSamples(), 2, Integer.MAX_VALUE);
        within("evidence", evidence(), 1, 100);
        Times.positive("beaconShortest", beaconShortest());
        Times.positive("beaconLongest", beaconLongest());
        Times.positive("cpuTime", cpuTime());
        Times.positive("quiet", quiet());
        if (beaconShortest().compareTo(beaconLongest()) > 0) {
            throw new InvalidValueException(
                    "beaconShortest", beaconShortest(), "must not be longer than beaconLongest, " + beaconLongest());
        }
    }

    private static void counted(String field, Rate rate, long most) {
        if (rate.amount() > most) {
            throw new InvalidValueException(field, rate, "must count at most " + most + ", since all are remembered");
        }
    }

    private static void within(String field, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new InvalidValueException(field, value, "must be from " + least + " to " + most);
        }
    }

    /** A builder that starts with these thresholds. */
    public final Builder toBuilder() {
        return new Builder().from(this);
    }

    /**
     * Makes {@link Thresholds}; {@code build()} throws {@link InvalidValueException} that names the field. Not
     * thread-safe.
     */
    public static final class Builder extends ImmutableThresholds.Builder {
        /** Starts with the standard thresholds. */
        public Builder() {}
    }
}
