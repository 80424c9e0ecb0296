package dev.agentvm.libvirt.internal.guest;

import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the guest's end of a command's streams tells in a line, as {@link Scripts#STREAMS} describes it.
 *
 * @param stream "o", "e" or "i", or "b" when the command is under way
 * @param kind empty if that is all
 * @param number of the file; 0 if that is all
 * @param count how many pieces were moved so far; 0 for an input
 */
record Event(String stream, String kind, long number, long count) {
    private static final Pattern OF_A_COMMAND = Pattern.compile("([0-9]{1,18}) .*");
    private static final Pattern OUTPUT = Pattern.compile("[0-9]+ ([oe]) ([.!+~]) ([0-9]{1,18}) ([0-9]{1,18})");
    private static final Pattern INPUT = Pattern.compile("[0-9]+ i ([!+]) ([0-9]{1,18})");
    private static final Pattern BEGINNING = Pattern.compile("[0-9]+ b");

    /** Which command a line is about; empty if it is none of our scripts' lines. */
    static OptionalLong command(String line) {
        Matcher matcher = OF_A_COMMAND.matcher(line);
        return matcher.matches() ? OptionalLong.of(Long.parseLong(matcher.group(1))) : OptionalLong.empty();
    }

    static Event parse(String line) throws MalformedReplyException {
        Matcher output = OUTPUT.matcher(line);
        if (output.matches()) {
            return new Event(
                    output.group(1), output.group(2), Long.parseLong(output.group(3)), Long.parseLong(output.group(4)));
        }
        Matcher input = INPUT.matcher(line);
        if (input.matches()) {
            return new Event("i", input.group(1), Long.parseLong(input.group(2)), 0);
        }
        if (BEGINNING.matcher(line).matches()) {
            return new Event("b", "", 0, 0);
        }
        throw new MalformedReplyException("it is not an event");
    }
}
