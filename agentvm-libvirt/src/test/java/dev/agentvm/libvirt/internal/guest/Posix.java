package dev.agentvm.libvirt.internal.guest;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import com.sun.jna.ptr.IntByReference;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Starts processes and waits for them as the agent does: Java's own does not tell exit code 137 from signal 9. */
final class Posix {
    private static final int O_CLOEXEC = 0x80000;
    private static final int ENOENT = 2;
    private static final int SETSIGDEF = 4;
    private static final int SETSIGMASK = 8;

    @SuppressWarnings("checkstyle:MethodName")
    interface C extends Library {
        C LIBC = Native.load("c", C.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

        int pipe2(int[] ends, int flags);

        int close(int fd);

        long write(int fd, byte[] bytes, long count);

        int posix_spawn_file_actions_init(Pointer actions);

        int posix_spawn_file_actions_adddup2(Pointer actions, int fd, int as);

        int posix_spawn_file_actions_addopen(Pointer actions, int fd, String path, int flags, int mode);

        int posix_spawn_file_actions_destroy(Pointer actions);

        int posix_spawnattr_init(Pointer attributes);

        int posix_spawnattr_setflags(Pointer attributes, short flags);

        int posix_spawnattr_setsigdefault(Pointer attributes, Pointer signals);

        int posix_spawnattr_destroy(Pointer attributes);

        int posix_spawnp(
                IntByReference pid,
                String file,
                Pointer actions,
                Pointer attributes,
                StringArray argv,
                StringArray environment);

        int waitpid(int pid, IntByReference status, int options);
    }

    /** A running process, with our ends of its pipes; {@code input} is -1 if it reads nothing. */
    record Child(int pid, int input, int output, int errors) {}

    private Posix() {}

    /** Starts a program; null if there is none of that name. */
    static @Nullable Child spawn(List<String> argv, List<String> environment, boolean withInput) {
        int[] input = withInput ? pipe() : new int[] {-1, -1};
        int[] output = pipe();
        int[] errors = pipe();
        try (Memory actions = new Memory(256);
                Memory attributes = new Memory(1024);
                Memory signals = new Memory(128)) {
            // The JVM blocks and ignores some, and a guest's agent does not.
            signals.setMemory(0, 128, (byte) 0xFF);
            C.LIBC.posix_spawnattr_init(attributes);
            C.LIBC.posix_spawnattr_setsigdefault(attributes, signals);
            C.LIBC.posix_spawnattr_setflags(attributes, (short) (SETSIGDEF | SETSIGMASK));
            C.LIBC.posix_spawn_file_actions_init(actions);
            if (withInput) {
                C.LIBC.posix_spawn_file_actions_adddup2(actions, input[0], 0);
            } else {
                C.LIBC.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", 0, 0);
            }
            C.LIBC.posix_spawn_file_actions_adddup2(actions, output[1], 1);
            C.LIBC.posix_spawn_file_actions_adddup2(actions, errors[1], 2);
            IntByReference pid = new IntByReference();
            int error = C.LIBC.posix_spawnp(
                    pid,
                    argv.get(0),
                    actions,
                    attributes,
                    new StringArray(argv.toArray(new String[0]), "UTF-8"),
                    new StringArray(environment.toArray(new String[0]), "UTF-8"));
            C.LIBC.posix_spawn_file_actions_destroy(actions);
            C.LIBC.posix_spawnattr_destroy(attributes);
            close(input[0]);
            close(output[1]);
            close(errors[1]);
            if (error == ENOENT) {
                close(input[1]);
                close(output[0]);
                close(errors[0]);
                return null;
            }
            if (error != 0) {
                throw new IllegalStateException("posix_spawnp: error " + error);
            }
            return new Child(pid.getValue(), input[1], output[0], errors[0]);
        }
    }

    static void close(int fd) {
        if (fd >= 0) {
            C.LIBC.close(fd);
        }
    }

    /** Writes all of it, or as much as somebody reads. */
    static void write(int fd, byte[] bytes) {
        for (int from = 0; from < bytes.length; ) {
            byte[] rest = java.util.Arrays.copyOfRange(bytes, from, bytes.length);
            long written = C.LIBC.write(fd, rest, rest.length);
            if (written <= 0) {
                return;
            }
            from += (int) written;
        }
    }

    /** Waits for its end; the status is that of waitpid. */
    static int await(int pid) {
        IntByReference status = new IntByReference();
        while (C.LIBC.waitpid(pid, status, 0) != pid) {
            if (Native.getLastError() == 10) { // ECHILD
                throw new IllegalStateException("no such child: " + pid);
            }
        }
        return status.getValue();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static int[] pipe() {
        int[] ends = new int[2];
        if (C.LIBC.pipe2(ends, O_CLOEXEC) != 0) {
            throw new IllegalStateException("pipe2: error " + Native.getLastError());
        }
        return ends;
    }
}
