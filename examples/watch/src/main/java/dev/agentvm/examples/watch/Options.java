package dev.agentvm.examples.watch;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says. Immutable.
 *
 * @param once whether to print once and end
 * @param fake whether to make VMs up
 * @param vms how many VMs to launch
 * @param patience how long to look before printing once
 * @param image what the VMs boot
 * @param command what they run over and over
 */
record Options(boolean once, boolean fake, int vms, Duration patience, String image, Optional<String> command) {
    static final String USAGE = """
            usage: watch [--once] [--wait SECONDS] [--fake] [--vms NUMBER] [IMAGE COMMAND]

            Launches NUMBER VMs of IMAGE (1 if not said), runs COMMAND in each over and over, and shows what all VMs of
            this host do, until it is interrupted. Without IMAGE and COMMAND it only shows what there is.
            Behind a number, + says that not everything was seen; - is what is not known.
            --once   prints it once, as plain text, after SECONDS (10 if not said)
            --fake   makes up the VMs and all that they do""";

    private static final int MOST_VMS = 100;

    /**
     * Reads the command line.
     *
     * @throws IllegalArgumentException if it is wrong, saying what is
     */
    static Options parse(String... args) {
        boolean once = false;
        boolean fake = false;
        int vms = 1;
        Duration wait = Duration.ofSeconds(10);
        Deque<String> left = new ArrayDeque<>(List.of(args));
        while (!left.isEmpty() && left.peek().startsWith("--")) {
            String option = left.remove();
            switch (option) {
                case "--once" -> once = true;
                case "--fake" -> fake = true;
                case "--vms" -> vms = number(option, left.poll(), MOST_VMS);
                case "--wait" -> wait = Duration.ofSeconds(number(option, left.poll(), 3600));
                default -> throw new IllegalArgumentException("unknown option " + option);
            }
        }
        if (left.isEmpty()) {
            return new Options(once, fake, fake ? vms : 0, wait, "", Optional.empty());
        }
        if (fake || left.size() != 2) {
            throw new IllegalArgumentException(
                    fake ? "--fake takes no image and no command" : "an image and one command are needed, or neither");
        }
        return new Options(once, false, vms, wait, left.remove(), Optional.of(left.remove()));
    }

    private static int number(String option, @Nullable String text, int most) {
        if (text == null || !text.matches("[1-9][0-9]{0,3}") || Integer.parseInt(text) > most) {
            throw new IllegalArgumentException(option + " needs a number from 1 to " + most + ", not " + text);
        }
        return Integer.parseInt(text);
    }
}
