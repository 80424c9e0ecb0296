package dev.agentvm.libvirt.internal.files;

/**
 * The shell that looks after files in the guest: POSIX, with the programs of coreutils and findutils or of busybox. $1 is the
 * path.
 */
final class Scripts {
    /** What {@link #READ} returns for a file that is too big to be read at once. */
    static final int BIG = 79;

    /** Gives the first $2 bytes, unless the file holds more than $3. */
    static final String READ = """
            if [ -e "$1" ] && [ ! -f "$1" ]; then
              [ ! -d "$1" ] || { echo 'Is a directory' >&2; exit 1; }
              echo 'Not a regular file' >&2
              exit 1
            fi
            size=$(stat -L -c %s "$1") || exit
            [ "$size" -le "$3" ] || exit 79
            exec head -c "$2" "$1"
            """;

    /**
     * Replaces the file by the first $4 bytes of its input, with permissions $2 or those that are there, by way of one in
     * a directory named $3 beside it. An input that breaks off ends like any other, so it is counted.
     *
     * <p>Whoever owns the directory of the file may put something else under any name there, so the new file is made
     * where nobody else can put anything, and never called by a path that leads through there. Nor may it be moved into
     * what has become a directory meanwhile, for which mv has -T, but not older busyboxes'; and busybox's refuses to move
     * it over a link to a directory.
     */
    static final String WRITE = """
            [ -L "$1" ] || [ ! -d "$1" ] || { echo 'Is a directory' >&2; exit 1; }
            workbench=${1%/*}/$3
            umask 077
            mkdir "$workbench" && cd "$workbench" || exit
            [ "$(stat -c %u .)" = "$(id -u)" ] || { echo "$workbench: Permission denied" >&2; exit 1; }
            trap 'rm -f new; cd / && rmdir "$workbench" 2>/dev/null' EXIT
            chmod 700 . && head -c "$4" | cat >new || exit
            [ "$(stat -c %s new)" = "$4" ] || { echo 'Its input broke off' >&2; exit 1; }
            mode=$2
            if [ -f "$1" ] && [ ! -L "$1" ]; then
              mode=${mode:-$(stat -c %a "$1")} || exit
              chown "$(stat -c %u:%g "$1")" new || exit
            fi
            chmod "${mode:-0644}" new || exit
            [ ! -L "$1" ] || [ ! -d "$1" ] || rm -f "$1"
            said=$(mv -fT new "$1" 2>&1) && exit
            case $said in
              *option*)
                [ ! -d "$1" ] || { echo 'Is a directory' >&2; exit 1; }
                mv -f new "$1"
                ;;
              *)
                echo "$said" >&2
                exit 1
                ;;
            esac
            """;

    /** Puts the first $2 bytes of its input behind the file. */
    static final String APPEND = """
            [ ! -d "$1" ] || { echo 'Is a directory' >&2; exit 1; }
            [ ! -e "$1" ] || [ -f "$1" ] || { echo 'Not a regular file' >&2; exit 1; }
            umask 022
            head -c "$2" | cat >>"$1"
            """;

    /** Prints mode, size, time, user and group, and where a link points. */
    static final String STAT = """
            stat -c '%f %s %Y %u %g' "$1" || exit
            [ ! -L "$1" ] || readlink "$1"
            """;

    /**
     * Prints, of each entry, what {@link #STAT} does and its name, to a double slash, which is in no name; then, after a
     * slash, of each link its name and, after a double slash, where it points, to a NUL.
     */
    static final String LIST = """
            for program in stat xargs readlink; do
              command -v "$program" >/dev/null || { echo "$program: not found" >&2; exit 127; }
            done
            [ -d "$1" ] || { stat "$1/." >&2 && echo 'Not a directory' >&2; exit 1; }
            cd "$1" || exit
            names() {
              for name in ./* ./.[!.]* ./..?*; do
                [ ! -e "$name" ] && [ ! -L "$name" ] || printf '%s\\0' "$name"
              done
            }
            names | xargs -0 -r stat -c '%f %s %Y %u %g %n//'
            code=$?
            # What is removed meanwhile is not there.
            [ "$code" = 0 ] || [ "$code" = 123 ] || exit "$code"
            echo /
            for name in ./* ./.[!.]* ./..?*; do
              [ ! -L "$name" ] || { printf '%s//' "$name" && readlink "$name" && printf '\\0'; }
            done
            exit 0
            """;

    static final String EXISTS = """
            [ -e "$1" ] || [ -L "$1" ]
            """;

    static final String MAKE_DIRECTORIES = """
            umask 022
            mkdir -p "$1"
            """;

    static final String DELETE = """
            if [ -d "$1" ] && [ ! -L "$1" ]; then
              rmdir "$1"
            else
              rm "$1"
            fi
            """;

    static final String DELETE_RECURSIVELY = """
            rm -rf "$1"
            """;

    private static final String TAR_IS_THERE = """
            command -v tar >/dev/null || { echo 'tar: not found' >&2; exit 127; }
            """;

    /**
     * GNU's tar moves 10 KiB at a time unless it is told otherwise; a port takes 32. Others have no such variable.
     */
    private static final String BIG_RECORDS = """
            export TAR_OPTIONS=--blocking-factor=64
            """;

    /**
     * Removes each link below $1 whose name is in its input, among those of the directories that are to be unpacked there,
     * each with a NUL behind it. Instead of GNU's tar, which does so itself; others unpack into what the link points to.
     */
    static final String MAKE_WAY = """
            case $(tar --version 2>/dev/null) in
              *'GNU tar'*) exec cat >/dev/null ;;
            esac
            [ -d "$1" ] || exec cat >/dev/null
            cd "$1" && exec xargs -0 -r sh -c '
              for name; do
                [ ! -L "$name" ] || rm -f "$name" || exit 255
              done' agentvm
            """;

    /** Unpacks a tar stream into a directory. The user that runs it owns what it makes. */
    static final String UNPACK = TAR_IS_THERE + BIG_RECORDS + """
            umask 022
            mkdir -p "$1" && cd "$1" && exec tar -xpof -
            """;

    /** Packs a file, or what a directory holds. */
    static final String PACK = TAR_IS_THERE + BIG_RECORDS + """
            if [ -d "$1" ]; then
              cd "$1" && exec tar -cf - .
            fi
            if [ -e "$1" ] && [ ! -f "$1" ]; then
              echo 'Not a regular file' >&2
              exit 1
            fi
            stat -L "$1" >/dev/null && cd "${1%/*}/" && exec tar -chf - "./${1##*/}"
            """;

    private Scripts() {}
}
