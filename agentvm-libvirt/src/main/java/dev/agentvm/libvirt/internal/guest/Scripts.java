package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.Command;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The shell that goes along to the guest: POSIX, tried with dash, bash and busybox's ash. What a caller gave is passed
 * in positional parameters and never becomes a part of a script, but for user names, which are harmless there; the paths
 * in the scripts are this library's own, and that of the guest's setsid.
 */
final class Scripts {
    static final String SHELL = "/bin/sh";

    /** What the wrapper says on its captured output if it fails before that is the command's. */
    static final String AT_DIRECTORY = "directory";

    /** As {@link #AT_DIRECTORY}. */
    static final String AT_OUTPUT = "output";

    /** What the wrapper writes to the note if it fails afterwards; it then exits with {@link #NOTE_LEFT}. */
    static final String AT_ENVIRONMENT = "environment";

    /** As {@link #AT_ENVIRONMENT}: there is no such user, or no program to become one. */
    static final String AT_USER = "user";

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

    /** What {@link #waiting} says on its captured output before it becomes a command. */
    static final String TAKEN = "taken";

    /**
     * What the wrapper says of where it is, in case it fails there: to the agent, or in the note. A shell that fails to
     * become another program ends, and runs this; one that succeeds forgets it.
     */
    private static final String SAY = """
            agentvm_say() {
              trap "echo $1" EXIT
            }
            agentvm_note() {
              trap "echo $1 >FILES.note; exit NOTE_LEFT" EXIT
            }
            """.replace("NOTE_LEFT", Integer.toString(NOTE_LEFT));

    /** Opens the outputs of a command, and waits for what {@link #delivery} makes, which ends with the line END. */
    private static final String WAIT = """
            mkfifo -m 600 FILES.run || exit 1
            # A pipe that is open for writing too has no end, whoever has opened it meanwhile.
            exec 3<>FILES.run 8>>FILES.out 9>>FILES.err
            agentvm_look() {
              [ -d DIRECTORY ] || {
                echo 'DIRECTORY: No such file or directory' >&2
                exit 1
              }
            }
            agentvm_connect() {
              exec 2>&9 >&8 8>&- 9>&-
            }
            agentvm_script=
            while :; do
              IFS= read -r agentvm_line <&3 || exit 1
              [ "$agentvm_line" != END ] || break
              agentvm_script="$agentvm_script$agentvm_line
            "
            done
            exec 3<&-
            echo TAKEN
            eval "$agentvm_script"
            """.replace("TAKEN", TAKEN);

    /** What {@code env} says, before its name for the trouble, if it cannot become the command. */
    static final String ENV_SAYS = "env: ";

    private Scripts() {}

    /** Whether the variables are set by {@code env}, which takes any but costs one more program. */
    static boolean goesThroughEnv(Map<String, String> environment) {
        return environment.keySet().stream().anyMatch(name -> SHELLS_OWN.contains(name) || name.startsWith("BASH"));
    }

    /**
     * The script that becomes the command. Its parameters are {@link #parameters}.
     *
     * @param streams how its outputs and its input are connected
     */
    static String become(Command command, Redirection streams) {
        Map<String, String> environment = command.environment();
        boolean throughEnv = goesThroughEnv(environment);
        StringBuilder script = new StringBuilder(streams.says());
        say(script, AT_OUTPUT);
        script.append(streams.before());
        if (command.workingDirectory().isPresent()) {
            say(script, AT_DIRECTORY);
            script.append("cd \"$1\" || exit 1\n");
            script.append("shift\n");
            say(script, AT_OUTPUT);
        }
        script.append(streams.redirect());
        command.user().ifPresent(user -> {
            note(script, AT_USER);
            script.append(AsUser.script(user));
        });
        if (!environment.isEmpty() && !throughEnv) {
            note(script, AT_ENVIRONMENT);
            script.append("export");
            for (int i = 1; i <= environment.size(); i++) {
                script.append(" \"${").append(i).append("}\"");
            }
            // bash warns of unknown locales there.
            script.append(" 2>/dev/null\nshift ").append(environment.size()).append('\n');
        }
        note(script, AT_PROGRAM);
        if (command.user().isPresent() || streams.looks()) {
            script.append(look(environment, throughEnv, command.user().isPresent()));
        }
        script.append(streams.after())
                .append(command.user().isPresent() ? "become_user" : "exec")
                .append(throughEnv ? " env \"$@\"\n" : " \"$@\"\n");
        return script.toString();
    }

    /** What {@link #become} reads: the working directory, the environment as NAME=VALUE, the command. */
    static List<String> parameters(Command command) {
        List<String> parameters = new ArrayList<>();
        command.workingDirectory().ifPresent(parameters::add);
        command.environment().forEach((name, value) -> parameters.add(name + "=" + value));
        parameters.addAll(command.argv());
        return parameters;
    }

    /** Ends the wrapper if the program is not there or may not be run, by the user that it is for. */
    private static String look(Map<String, String> environment, boolean throughEnv, boolean asUser) {
        String program = "\"${" + (throughEnv ? environment.size() + 1 : 1) + "}\"";
        int path = throughEnv ? List.copyOf(environment.keySet()).indexOf("PATH") + 1 : 0;
        String arguments = program + (path == 0 ? " ''" : " \"${" + path + "#PATH=}\"");
        String look = asUser
                ? "(become_user " + SHELL + " -c '" + LOOK + "' sh " + arguments + ") </dev/null"
                : "(\nset -- " + arguments + "\n" + LOOK + ")";
        return look + " || {\n  echo " + program + "': not found, or may not be run' >&2\n  exit 127\n}\n";
    }

    /** Whether there is a program $1 that may be run, with another PATH if $2 is one. */
    private static final String LOOK = """
            [ -z "$2" ] || PATH=$2
            case $1 in
              */*) [ -x "$1" ] && [ ! -d "$1" ] ;;
              *) command -v "$1" >/dev/null ;;
            esac
            """;

    /**
     * How the wrapper connects the command's streams.
     *
     * @param says {@link #SAY}, unless it is known already
     * @param before what it does first
     * @param redirect what connects them
     * @param looks whether it looks for the program before it becomes it
     * @param after what it does last, before it becomes the command
     */
    record Redirection(String says, String before, String redirect, boolean looks, String after) {}

    /** Outputs go to files, and standard input comes from the agent, or from a file. */
    static Redirection toFiles(String files, boolean stdinFromFile, boolean forUser) {
        // Appending, since whoever comes first makes the file: this or the agent, on opening it for us.
        return new Redirection(
                SAY.replace("FILES", files),
                "",
                (stdinFromFile ? "exec <" + files + ".in\n" : "") + "exec 2>>" + files + ".err\nexec >>" + files
                        + ".out\n"
                        + forUser(files, forUser),
                false,
                "");
    }

    /** Outputs go to the files that {@link #waiting} has opened; the directory is still there. */
    static Redirection toOpenFiles(String files, boolean forUser) {
        return new Redirection("", "agentvm_look\n", "agentvm_connect\n" + forUser(files, forUser), false, "");
    }

    /** So that another user may open /dev/stdout; the directory keeps all others out. */
    private static String forUser(String files, boolean forUser) {
        return forUser ? "chmod 666 " + files + ".out " + files + ".err\n" : "";
    }

    /**
     * All streams are pipes, which {@link #STREAMS} serves in a session of its own, so that it outlives the command. They
     * are opened before anything can fail, so that it sees their end in any case.
     *
     * @param workspace where the script is, and the events
     */
    static Redirection toPipes(Workspace workspace, long number) {
        String directory = workspace.directory();
        String files = workspace.files(number);
        // Without its helper's script a pipe would be waited for in vain.
        String before = """
                [ -f EVENTS ] && [ -f EVENTS.0 ] && [ -s DIRECTORY/streams ] || {
                  echo 'DIRECTORY: No such file or directory, or not all that was in it' >&2
                  exit 1
                }
                mkfifo -m 666 FILES.i FILES.c FILES.o FILES.e || exit 1
                ( SETSID SHELL DIRECTORY/streams FILES EVENTS NUMBER </dev/null >/dev/null 2>&1 & )
                exec 3<FILES.i 4>FILES.o 5>FILES.e
                """;
        // To each file: a variable for the letter might be one of the command's.
        String after = """
                { [ ! -f EVENTS.1 ] || echo 'NUMBER b' >>EVENTS.1; } &&
                  { [ ! -f EVENTS.2 ] || echo 'NUMBER b' >>EVENTS.2; } &&
                  [ -f EVENTS.0 ] && echo 'NUMBER b' >>EVENTS.0 || {
                  trap - EXIT
                  exit 1
                }
                """;
        return new Redirection(
                SAY.replace("FILES", files),
                inPlace(before, directory, files, number)
                        .replace("SETSID SHELL", workspace.setsid().orElse("setsid") + " " + SHELL),
                "exec <&3 2>&5 >&4 3<&- 4>&- 5>&-\n",
                true,
                inPlace(after, directory, files, number));
    }

    private static String inPlace(String script, String directory, String files, long number) {
        return script.replace("EVENTS", directory + "/events")
                .replace("DIRECTORY", directory)
                .replace("FILES", files)
                .replace("NUMBER", Long.toString(number));
    }

    /**
     * What {@code pump} of {@link #STREAMS} does, from where that has got to; in perl without modules or single quotes. It
     * takes no name that whoever kills its own perls would find, leaves a sign before it takes anything, and lets lines
     * gather that come faster than they are worth telling.
     */
    private static final String PUMP = """
            ($files, $events, $id, $stream, $file, $count) = @ARGV;
            $out = "$files.$stream";
            $0 = "agentvm $out";
            open $sign, ">", "$out.p";
            $size = -s "$out.$file";
            sub told {
              while (open $now, "<", $events) {
                chomp($part = <$now>);
                last unless -f "$events.$part" && -p "$files.c";
                $line = "$id $stream @_\\n";
                return 1 if open($to, ">>", "$events.$part") && syswrite($to, $line) == length $line;
                sleep 1;
              }
              return 0;
            }
            sub kept {
              open $to, ">>", "$out.$file" or return 0;
              for ($at = 0; $at < length $_[0]; $at += $wrote) {
                $wrote = syswrite $to, $_[0], 65536, $at or return 0;
              }
              return 1;
            }
            sub waste {
              1 while sysread STDIN, $piece, 65536;
              exit 42;
            }
            for (;; $file++, $size = 0) {
              $old = "$out." . ($file - 2);
              for ($turns = 0; -s $old; $turns++) {
                select undef, undef, undef, $turns < 100 ? 0.03 : 1;
              }
              unlink $old;
              while ($size <= 7 * 65536) {
                unless (-p $out) {
                  unlink "$out.$file", "$out." . ($file - 1);
                  waste;
                }
                $got = sysread STDIN, $piece, 65536;
                if (defined $got && !$got) {
                  told ".", $file, $count;
                  exit 42;
                }
                unless ($got && kept $piece) {
                  told "!", $file, $count;
                  waste;
                }
                told "+", $file, ++$count or waste;
                $size += $got;
                select undef, undef, undef, 0.01 if $got < 65536;
              }
            }
            """;

    /**
     * Serves the pipes of one command: $1 is the path that its files begin with, $2 that of the events, $3 its number.
     *
     * <p>An output goes to one file after the other, eight pieces of at most 64 KiB to each; one is begun only after we
     * have emptied the last but one, so that no more than two files' worth is in the guest and a command whose output is
     * not read is held up. A piece is one read of the pipe, and is told as an event, with the number of its file and how
     * often pieces were moved so far; of a command that keeps the pipe full several are moved at once, which is told
     * before. Input comes in files, as lines in a control pipe say; a line that comes again is no matter, and each file
     * that was passed on is told too. No file's name is ever used again, so that whatever we do to one may be done twice,
     * or late. When we have removed the pipes, what still comes from processes that outlived the command is thrown away.
     *
     * <p>A program for each piece is much for one who writes often: after a few pieces perl goes on, where there is one.
     *
     * <p>An event is a line in the file whose last letter $2 names.
     */
    static final String STREAMS = """
            LC_ALL=C
            export LC_ALL
            files=$1
            events=$2
            id=$3
            tell() {
              while read -r part <"$events" && [ -f "$events.$part" ] && [ -p "$files.c" ]; do
                ! echo "$id $*" >>"$events.$part" || return 0
                sleep 1
              done 2>/dev/null
              return 1
            }
            go_on() {
              PERL5OPT= PERL5LIB= PERL_UNICODE= perl -e 'PUMP' "$files" "$events" "$id" "$1" "$file" "$count"
              code=$?
              [ -e "$out.p" ] || return
              [ "$code" != 42 ] || exit
              tell "$1" ! "$file" "$count"
              exec cat >/dev/null
            }
            pump() {
              out=$files.$1
              file=0
              count=0
              many=1
              while :; do
                turns=0
                while [ -s "$out.$((file - 2))" ]; do
                  turns=$((turns + 1))
                  pause=1
                  [ "$turns" -gt 100 ] || pause=0.03
                  sleep "$pause" || sleep 1
                done
                [ "$file" -lt 2 ] || rm -f "$out.$((file - 2))"
                pieces=0
                while [ "$pieces" -lt 8 ]; do
                  if ! [ -p "$out" ]; then
                    rm -f "$out".*
                    exec cat >/dev/null
                  fi
                  [ "$many" = 1 ] || {
                    many=$((8 - pieces))
                    tell "$1" '~' "$file" "$count"
                  }
                  said=$(dd bs=65536 count=$many 2>&1 >>"$out.$file") || said=failed
                  said=${said%% records in*}
                  case ${said##*[!0-9+]} in
                    0+0)
                      tell "$1" . "$file" "$count"
                      exit
                      ;;
                    "$many"+0) full=1 ;;
                    [0-8]+[0-8]) full=0 ;;
                    *)
                      tell "$1" ! "$file" "$count"
                      exec cat >/dev/null
                      ;;
                  esac
                  pieces=$((pieces + many))
                  many=$((1 + full))
                  count=$((count + 1))
                  tell "$1" + "$file" "$count" || exec cat >/dev/null
                  [ "$count" != 4 ] || go_on "$1"
                done
                file=$((file + 1))
              done
            }
            feed() {
              next=1
              old=
              while read -r line; do
                [ "$line" != end ] || exit
                [ "$line" = "$next" ] || continue
                if ! cat "$files.i.$next"; then
                  tell i ! 0
                  exit
                fi
                tell i + "$next" || exit
                : >"$files.i.$next"
                old="$old $files.i.$next"
                [ $((next % 16)) != 0 ] || {
                  rm -f $old
                  old=
                }
                next=$((next + 1))
              done <>"$files.c" >"$files.i"
            }
            pump o <"$files.o" &
            pump e <"$files.e" &
            feed
            """.replace("PUMP", PUMP);

    /** What {@link #PREPARE_STREAMS} exits with if the directory is not there. */
    static final int NO_DIRECTORY = 3;

    /** Prepares directory $1 for {@link #STREAMS}, which is $2. Prints the names of programs that the guest lacks. */
    static final String PREPARE_STREAMS = """
            [ -d "$1" ] || exit 3
            for program in setsid mkfifo dd cat sleep; do
              command -v "$program" >/dev/null || echo "$program"
            done
            printf %s "$2" >"$1/streams" && : >"$1/events.0" && echo 0 >"$1/events" && [ -s "$1/events" ]
            """;

    /**
     * Writes the mark $1 into the other pipes, behind all that a command wrote before its end. In the background, as a
     * pipe that nobody reads at present may be full.
     */
    static final String MARK = """
            mark=$1
            shift
            for pipe; do
              [ ! -p "$pipe" ] || (printf %s "$mark" 1<>"$pipe" 2>/dev/null </dev/null &)
            done
            """;

    /** Lets go of the pipes of the command whose files' paths begin with $files. */
    private static final String LET_GO = """
            let_go() {
              [ ! -p "$files.c" ] || echo end 1<>"$files.c"
              # Whoever waits for the other end of a pipe, which the command never opened, goes on.
              for pipe in "$files.i" "$files.o" "$files.e"; do
                [ ! -p "$pipe" ] || true <>"$pipe"
              done
            }
            """;

    /** Lets go of the pipes of commands, whose files' beginnings these are, and removes their files. */
    static final String REMOVE_STREAMS = LET_GO + """
            for files; do
              let_go
              rm -f "$files".*
            done
            """;

    /** Lets go of all pipes in directory $1, and removes it. */
    static final String REMOVE_WORKSPACE = LET_GO + """
            for control in "$1"/*.c; do
              files=${control%.c}
              let_go
            done
            rm -rf "$1"
            """;

    /**
     * Sends signal $1 to process group $2, or to the process if it leads none. Says why not, unless there is no such
     * process any more.
     */
    static final String SIGNAL = """
            kill -"$1" "-$2" 2>/dev/null || kill -"$1" "$2" || ! kill -0 "$2" 2>/dev/null
            """;

    /** Sets the clock to $1 seconds since 1970. */
    static final String SET_CLOCK = "date -u -s \"@$1\"";

    /**
     * Gives the kernel the random bytes of the standard input, and has it make itself a new key of them at once, by {@code
     * RNDRESEEDCRNG} (random(4)), for which any program will do that can make a system call of its own. A kernel that
     * knows of its machine's generation has done so itself. Ends with 3 where nothing can: the kernel does it later.
     */
    static final String RENEW_RANDOM_NUMBERS = """
            cat >/dev/urandom
            if [ -e /sys/bus/acpi/drivers/vmgenid ] || [ -e /sys/bus/platform/drivers/vmgenid ]; then exit 0; fi
            if command -v perl >/dev/null; then
              perl -e 'open(R, ">", "/dev/urandom") && ioctl(R, 0x5207, 0) || exit 1' && exit 0
            fi
            if command -v python3 >/dev/null; then
              python3 -S -c 'import fcntl; fcntl.ioctl(open("/dev/urandom", "wb"), 0x5207)' && exit 0
            fi
            exit 3
            """;

    /** The script that becomes the command of that number, which {@link #delivery} brings. */
    static String waiting(Workspace workspace, long number, String end) {
        return inPlace(SAY + WAIT, workspace.directory(), workspace.files(number), number)
                .replace("END", "'" + end + "'");
    }

    /** A script and its parameters as {@link #waiting} takes them. */
    static byte[] delivery(String script, List<String> parameters, String end) {
        StringBuilder all = new StringBuilder("set --");
        parameters.forEach(parameter ->
                all.append(" '").append(parameter.replace("'", "'\\''")).append('\''));
        return all.append('\n')
                .append(script)
                .append(end)
                .append('\n')
                .toString()
                .getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Ends shells that wait, or the commands that they became: of each the process and what its files' paths begin with.
     * Its process must have them open, as its number may be another's by now.
     */
    static final String END_WAITING = """
            while [ $# -gt 1 ]; do
              case $(ls -l "/proc/$1/fd" 2>/dev/null) in
                *"-> $2."*) kill -9 "-$1" 2>/dev/null || kill -9 "$1" ;;
              esac
              shift 2
            done
            """;

    /** What is removed of a command that has ended, whose files' paths begin so. */
    static List<String> files(String files) {
        return List.of(files + ".out", files + ".err", files + ".run");
    }

    private static void say(StringBuilder script, String stage) {
        script.append("agentvm_say ").append(stage).append('\n');
    }

    private static void note(StringBuilder script, String stage) {
        script.append("agentvm_note ").append(stage).append('\n');
    }

    static List<String> arguments(String script, List<String> parameters) {
        List<String> arguments = new ArrayList<>(List.of("-c", script, "agentvm"));
        arguments.addAll(parameters);
        return arguments;
    }
}
