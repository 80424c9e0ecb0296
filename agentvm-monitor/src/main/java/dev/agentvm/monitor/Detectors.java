package dev.agentvm.monitor;

import java.util.List;

/** All detectors. */
final class Detectors {
    private Detectors() {}

    /** A set of them for one VM. */
    static List<Detector> all(Thresholds thresholds) {
        return List.of(
                new DeniedBurst(thresholds),
                new PortScan(thresholds),
                new AddressScan(thresholds),
                new NewDestinations(thresholds),
                new ConnectionRate(thresholds),
                new UploadVolume(thresholds),
                new UploadRatio(thresholds),
                new DnsTunnel(thresholds),
                new UnknownNames(thresholds),
                new Beaconing(thresholds),
                new MiningPool(thresholds),
                new SustainedCpu(thresholds),
                new DiskWrites(thresholds),
                new ObservationLost(thresholds),
                new Outlier(Outlier.Measure.CPU, thresholds),
                new Outlier(Outlier.Measure.MEMORY, thresholds),
                new Outlier(Outlier.Measure.TRAFFIC, thresholds),
                new Outlier(Outlier.Measure.DISK, thresholds));
    }
}
