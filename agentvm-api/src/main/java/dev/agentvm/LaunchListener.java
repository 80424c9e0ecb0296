package dev.agentvm;

import java.time.Duration;

/** Is told of the steps of a launch as they end. Called on the launching thread; what it throws fails the launch. */
@FunctionalInterface
public interface LaunchListener {
    /**
     * A step has ended.
     *
     * @param step the step
     * @param sinceStart the time since the launch began
     */
    void onStep(LaunchStep step, Duration sinceStart);
}
