package dev.agentvm.libvirt.internal.guest;

/** How a shell in the guest becomes another user. */
public final class AsUser {
    /**
     * Looks up a user and how to become one. util-linux's setpriv and busybox's su become the command themselves; other
     * programs of that kind stay between, and then nobody learns how it ended.
     */
    private static final String FIND_USER = """
            entry=$(getent passwd @USER@ 2>/dev/null)
            case $entry in
              @USER@:*) ;;
              *)
                entry=
                while read -r line || [ -n "$line" ]; do
                  case $line in
                    @USER@:*)
                      entry=$line
                      break
                      ;;
                  esac
                done </etc/passwd
                ;;
            esac
            [ -n "$entry" ] || { echo 'no user @USER@' >&2; exit 1; }
            IFS=: read -r user password uid gid name home shell <<END
            $entry
            END
            HOME=$home
            USER=$user
            LOGNAME=$user
            export HOME USER LOGNAME
            way=none
            case $(setpriv --help 2>&1) in
              *--reuid*) way=setpriv ;;
              *) case $(su --help 2>&1) in *BusyBox*) way=su ;; esac ;;
            esac
            [ $way != none ] || { echo 'neither setpriv of util-linux nor su of busybox' >&2; exit 1; }
            become_user() {
              [ $way = su ] || exec setpriv --reuid=$uid --regid=$gid --init-groups "$@"
              # Without the dashes busybox takes the command's own options for its own.
              exec su -p -s /bin/sh -c 'exec "$@"' -- @USER@ sh "$@"
            }
            """;

    private AsUser() {}

    /**
     * Defines {@code become_user}, which becomes the command that it is given, or ends the shell with 1. Sets
     * variables of the user's, and {@code entry}, {@code line}, {@code user}, {@code password}, {@code uid}, {@code
     * gid}, {@code name}, {@code home}, {@code shell} and {@code way}.
     *
     * @param user a name that {@link dev.agentvm.Command#user} takes, which is harmless in a script
     */
    public static String script(String user) {
        return FIND_USER.replace("@USER@", user);
    }
}
