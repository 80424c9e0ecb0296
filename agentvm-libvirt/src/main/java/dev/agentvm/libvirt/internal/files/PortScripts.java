package dev.agentvm.libvirt.internal.files;

import dev.agentvm.Command;
import dev.agentvm.libvirt.internal.guest.AsUser;
import java.util.List;
import java.util.Optional;

/**
 * The shell that gives a program in the guest a port for its input or output: POSIX, of coreutils or busybox. A port
 * is opened by the agent's own user, since others may not, and by one program at a time. The program itself reads or
 * writes it: a pipe between would halve the pace where guests are emulated.
 *
 * <p>Either side begins with a line that is this copy's mark, behind what may be left of another's. What goes in ends
 * with {@link #PADDING}, so that none of it is still in a socket's buffer when we hang up, whereupon QEMU drops what
 * is there; only then programs that read on behind the end of an archive see an end. What comes out ends with the
 * mark, as a line; "stop" and "go" hold the program up meanwhile, and "bye" then lets go of the port.
 */
final class PortScripts {
    /** The guest has no port of that name, or cannot use it. */
    static final int NO_PORT = 78;
    /** Something in the guest has the port open, or the user is not there: it may be otherwise another time. */
    static final int BUSY = 79;

    /** How many zeros follow what goes in; Linux buffers 208 KiB of a socket unless it is told otherwise. */
    static final int PADDING = 512 * 1024;

    static final String STOP = "stop\n";
    static final String GO = "go\n";
    static final String BYE = "bye\n";

    private static final String FIND_PORT = """
            name=$1
            mark=$2
            work=$3
            shift 3
            port=
            for file in /sys/class/virtio-ports/*/name; do
              read -r line <"$file" && [ "$line" = "$name" ] || continue
              port=${file%/name}
              port=/dev/${port##*/}
            done 2>/dev/null
            [ -c "$port" ] || { echo "no port $name" >&2; exit 78; }
            [ -r "$port" ] && [ -w "$port" ] || { echo "$port may not be opened" >&2; exit 78; }
            """;

    private static final String IN = """
            opened=
            {
              opened=yes
              echo "$mark" >&3
              while read -r line && [ "$line" != "$mark" ]; do :; done <&3
              (work "$@" <&3 3>&-)
              code=$?
              [ "$code" != 0 ] || cat <&3 >/dev/null
            } 3<>"$port"
            """;

    private static final String OUT = """
            opened=
            {
              opened=yes
              echo "$mark" >&3
              work "$@" >&3 3>&- &
              worker=$!
              {
                while read -r line && [ "$line" != bye ]; do
                  case $line in
                    stop) kill -STOP "$worker" ;;
                    go) kill -CONT "$worker" ;;
                  esac
                done 2>/dev/null
                [ "$line" = bye ] || kill -9 "$worker" 2>/dev/null
              } <&3 &
              control=$!
              wait "$worker"
              code=$?
              echo "$mark" >&3
              wait "$control"
            } 3<>"$port"
            """;

    private static final String DONE = """
            [ -n "$opened" ] || { echo "$port cannot be opened: another program has it" >&2; exit 79; }
            exit "${code:-1}"
            """;

    private PortScripts() {}

    /** The command that runs {@code work}, which is a shell's, with the port for its input. */
    static Command in(Command work, String port, String mark) {
        return through(work, port, mark, IN);
    }

    /** The command that runs {@code work}, which is a shell's, with the port for its output. */
    static Command out(Command work, String port, String mark) {
        return through(work, port, mark, OUT);
    }

    private static Command through(Command work, String port, String mark, String way) {
        List<String> argv = work.argv();
        String script = FIND_PORT + user(work.user()) + way + DONE;
        return work.toBuilder()
                .argv(List.of(argv.get(0), argv.get(1), script, argv.get(3), port, mark, argv.get(2)))
                .addArgv(argv.subList(4, argv.size()).toArray(new String[0]))
                .user(Optional.empty())
                .build();
    }

    private static String user(Optional<String> user) {
        String become = user.isPresent() ? "become_user" : "exec";
        String find = user.map(name -> "trap 'exit " + BUSY + "' EXIT\n" + AsUser.script(name) + "trap - EXIT\n")
                .orElse("");
        return find + "work() {\n  " + become + " /bin/sh -c \"$work\" agentvm \"$@\"\n}\n";
    }
}
