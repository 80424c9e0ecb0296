package dev.agentvm.libvirt;

import dev.agentvm.InvalidValueException;
import java.io.PrintStream;
import java.nio.file.InvalidPathException;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Supplier;

/** How the programs of this package read what they are told. */
final class CommandLine {
    static final int DONE = 0;
    static final int USAGE = 2;

    private CommandLine() {}

    /** Takes options in. */
    interface Options {
        /**
         * Takes one.
         *
         * @param value gives the value that stands behind it
         * @return whether there is such an option
         * @throws InvalidValueException if its value is wrong
         */
        boolean take(String option, Supplier<String> value);
    }

    /**
     * Reads all arguments, {@code --help} too.
     *
     * @param program its name
     * @return with which status it ends at once: help was asked for, or something is wrong, of which it is said what; else
     *     empty
     */
    static OptionalInt read(
            String program, String help, PrintStream out, PrintStream err, Options options, String... arguments) {
        boolean wantsHelp = false;
        Iterator<String> rest = List.of(arguments).iterator();
        try {
            while (rest.hasNext()) {
                String option = rest.next();
                if (option.equals("--help")) {
                    wantsHelp = true;
                } else if (!options.take(option, () -> value(option, rest))) {
                    throw new InvalidValueException("option", option, "there is no such option");
                }
            }
        } catch (InvalidValueException | InvalidPathException e) {
            err.println(program + ": " + e.getMessage() + "; see --help");
            return OptionalInt.of(USAGE);
        }
        if (wantsHelp) {
            out.print(help);
            return OptionalInt.of(DONE);
        }
        return OptionalInt.empty();
    }

    private static String value(String option, Iterator<String> rest) {
        if (!rest.hasNext()) {
            throw new InvalidValueException("option", option, "needs a value");
        }
        return rest.next();
    }
}
