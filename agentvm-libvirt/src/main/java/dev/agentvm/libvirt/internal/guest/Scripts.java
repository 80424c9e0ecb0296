package dev.agentvm.libvirt.internal.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The shell that goes along to the guest: POSIX, tried with dash, bash and busybox's ash. What a caller gave is passed
 * in positional parameters and never becomes a part of a script; the paths in the scripts are this library's own.
 */
final class Scripts {
    static final String SHELL = "/bin/sh";

    /** What the wrapper says on its captured output if it fails before that is the command's. */
    static final String AT_DIRECTORY = "directory";

    /** As {@link #AT_DIRECTORY}. */
    static final String AT_OUTPUT = "output";

    /** What the wrapper writes to the note if it fails afterwards; it then exits with {@link #NOTE_LEFT}. */
    static final String AT_ENVIRONMENT = "environment";

    /** As {@link #AT_ENVIRONMENT}. */
    static final String AT_PROGRAM = "program";

    static final int NOTE_LEFT = 126;

    /** Variables that some shell refuses to set, computes, or changes, so that only {@code env} passes them on. */
    private static final Set<String> SHELLS_OWN = Set.of(
            "_",
            "DIRSTACK",
            "EPOCHREALTIME",
            "EPOCHSECONDS",
            "EUID",
            "FUNCNAME",
            "GROUPS",
            "HISTCMD",
            "IFS",
            "LINENO",
            "OLDPWD",
            "OPTERR",
            "OPTIND",
            "PPID",
            "PWD",
            "RANDOM",
            "SECONDS",
            "SHELLOPTS",
            "SHLVL",
            "SRANDOM",
            "UID");

    /**
     * Makes a directory named $1, which only its owner may enter, in the first of the others that takes files. Prints
     * its path, how a session is made (empty if there is no way), and the PATH.
     */
    static final String MAKE_WORKSPACE = """
            name=$1
            shift
            for base; do
              mkdir -m 700 "$base/$name" || continue
              if echo x >"$base/$name/0" && [ -s "$base/$name/0" ]; then
                echo "$base/$name"
                command -v setsid || echo
                echo "PATH $PATH"
                exit 0
              fi
              rm -rf "$base/$name"
            done
            exit 1
            """;

    /**
     * Kills process $1, those of its session and group, and the descendants of all these, until none is left. They are
     * stopped first, so that none begets others meanwhile, and found before any is killed, since orphans lose their
     * descent. Only builtins: it must work where no more programs can be started than itself.
     */
    static final String KILL = """
            self=$$
            root=$1
            members=" $root "
            rounds=100
            while [ "$rounds" -gt 0 ]; do
              rounds=$((rounds - 1))
              family=$members
              kill -STOP "-$root"
              grown=1
              while [ "$grown" = 1 ]; do
                grown=0
                members=" "
                for stat in /proc/[0-9]*/stat; do
                  read -r line <"$stat" || continue
                  pid=${line%% *}
                  set -- ${line##*) }
                  case $1 in
                    Z | X) continue ;;
                  esac
                  [ "$pid" != "$self" ] || continue
                  case $family in
                    *" $pid "*) ;;
                    *)
                      case $family in
                        *" $2 "*) ;;
                        *) [ "$3" = "$root" ] || [ "$4" = "$root" ] || continue ;;
                      esac
                      kill -STOP "$pid"
                      family="$family$pid "
                      grown=1
                      ;;
                  esac
                  members="$members$pid "
                done
              done
              [ "$members" != " " ] || exit 0
              kill -9 "-$root"
              for pid in $members; do
                kill -9 "$pid"
              done
            done 2>/dev/null
            exit 1
            """;

    /** What {@code env} says, before its name for the trouble, if it cannot become the command. */
    static final String ENV_SAYS = "env: ";

    private Scripts() {}

    /** Whether the variables are set by {@code env}, which takes any but costs one more program. */
    static boolean goesThroughEnv(Map<String, String> environment) {
        return environment.keySet().stream().anyMatch(name -> SHELLS_OWN.contains(name) || name.startsWith("BASH"));
    }

    /**
     * The script that becomes the command. Its parameters are the working directory if {@code inDirectory}, then as
     * many NAME=VALUE as {@code variables}, then for {@code env} as many as it likes, then the command.
     *
     * @param files the path that the command's files begin with, of letters, digits, {@code /}, {@code -} only
     */
    static String become(String files, boolean inDirectory, boolean stdinFromFile, int variables, boolean throughEnv) {
        StringBuilder script = new StringBuilder();
        if (inDirectory) {
            script.append("trap 'echo ").append(AT_DIRECTORY).append("' EXIT\n");
            script.append("cd \"$1\" || exit 1\n");
            script.append("shift\n");
        }
        script.append("trap 'echo ").append(AT_OUTPUT).append("' EXIT\n");
        if (stdinFromFile) {
            script.append("exec <").append(files).append(".in\n");
        }
        // Appending, since whoever comes first makes the file: this or the agent, on opening it for us.
        script.append("exec 2>>").append(files).append(".err\n");
        script.append("exec >>").append(files).append(".out\n");
        if (variables > 0) {
            note(script, AT_ENVIRONMENT, files);
            script.append("export");
            for (int i = 1; i <= variables; i++) {
                script.append(" \"${").append(i).append("}\"");
            }
            // bash warns of unknown locales there.
            script.append(" 2>/dev/null\nshift ").append(variables).append('\n');
        }
        note(script, AT_PROGRAM, files);
        script.append(throughEnv ? "exec env \"$@\"\n" : "exec \"$@\"\n");
        return script.toString();
    }

    /** A shell that fails to become another program ends, and runs this; one that succeeds forgets it. */
    private static void note(StringBuilder script, String stage, String files) {
        script.append("trap 'echo ")
                .append(stage)
                .append(" >")
                .append(files)
                .append(".note; exit ")
                .append(NOTE_LEFT)
                .append("' EXIT\n");
    }

    static List<String> arguments(String script, List<String> parameters) {
        List<String> arguments = new ArrayList<>(List.of("-c", script, "agentvm"));
        arguments.addAll(parameters);
        return arguments;
    }
}
