package dev.agentvm.libvirt.internal.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The private directory in the guest where commands' files are.
 *
 * @param directory its path
 * @param setsid the guest's {@code setsid} program, if it has one
 * @param path the agent's PATH
 */
record Workspace(String directory, Optional<String> setsid, String path) {
    /** What the paths of a command's files begin with. */
    String files(long number) {
        return directory + "/" + number;
    }

    /** The program that is started so that a shell has a session of its own, if that is possible. */
    String program() {
        return setsid.orElse(Scripts.SHELL);
    }

    /** What that program is told so that the shell gets these arguments. */
    List<String> arguments(List<String> ofShell) {
        List<String> arguments = new ArrayList<>(ofShell);
        if (setsid.isPresent()) {
            arguments.add(0, Scripts.SHELL);
        }
        return arguments;
    }
}
