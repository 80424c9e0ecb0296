package dev.agentvm.monitor;

import dev.agentvm.event.TrafficSampled;
import dev.agentvm.event.VMEvent;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Far more data sent than received. */
final class UploadRatio implements Detector {
    private final Rate rate;
    private final double ratio;
    private final Steps steps = new Steps();
    private final RollingSum sent;
    private final RollingSum received;

    UploadRatio(Thresholds thresholds) {
        rate = thresholds.lopsidedUpload();
        ratio = thresholds.uploadRatio();
        sent = new RollingSum(rate.within());
        received = new RollingSum(rate.within());
    }

    @Override
    public Optional<Finding> inspect(VMEvent event) {
        return steps.to(event).flatMap(this::inspect);
    }

    private Optional<Finding> inspect(Steps.Step step) {
        OptionalLong up = step.growth(TrafficSampled::sentBytes);
        OptionalLong down = step.growth(TrafficSampled::receivedBytes);
        if (up.isEmpty() || down.isEmpty()) {
            return Optional.empty();
        }
        long out = sent.add(step.before().time(), step.after().time(), up.getAsLong());
        long in = received.add(step.before().time(), step.after().time(), down.getAsLong());
        return out >= rate.amount() && out >= ratio * in
                ? Optional.of(Finding.notice(
                        AnomalyKinds.UPLOAD_RATIO,
                        "Sent " + out + " and received " + in + " bytes within " + rate.within(),
                        List.of(step.before(), step.after())))
                : Optional.empty();
    }
}
