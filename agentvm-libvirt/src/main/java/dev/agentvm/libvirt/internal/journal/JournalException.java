package dev.agentvm.libvirt.internal.journal;

import dev.agentvm.FailureContext;
import dev.agentvm.HypervisorUnavailableException;
import java.io.IOException;
import java.nio.file.Path;

/** The journal cannot be kept; without it nothing is launched, since it could be left behind. */
final class JournalException extends HypervisorUnavailableException {
    private static final long serialVersionUID = 1L;

    /** Another program, which took this one for dead, has removed the journal. */
    static JournalException removed(Path path) {
        return new JournalException("The launch's journal " + path
                + " was removed by another program, which took this one for dead; launch again");
    }

    private JournalException(String message) {
        super(message, FailureContext.of("journal"));
    }

    JournalException(String action, Path path, IOException cause) {
        super(
                "Could not " + action + " " + path + " (" + cause
                        + "). Launches are written down there so that nothing is"
                        + " left behind; make the directory writable, or choose another with stateDirectory(…)",
                FailureContext.of("journal"),
                cause);
    }
}
