package dev.agentvm;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * The files of a VM's guest. Safe for use by many threads.
 *
 * <p>Paths are absolute paths in the guest: without {@code .} and {@code ..}, NUL and malformed characters, at most
 * 4095 bytes in UTF-8; others are an {@link InvalidValueException}. Calls throw {@link GuestFileException}, whose
 * reason says what a caller can do something about; {@link GuestAgentException} if the guest's agent is silent, or
 * refuses, or answers nonsense; {@link VMDestroyedException} if the VM is or goes away; {@link VMRestoredException} if
 * it is put back to an earlier state meanwhile; {@link CommandTimeoutException} after ten minutes, or
 * {@link CopyOptions#timeout}. If the thread is interrupted, a call stops and throws {@link AgentVMException} with the
 * thread's interrupt status set.
 *
 * <p>Nothing that a guest says makes a copy write, or follow a link, outside the directory that it was given.
 */
public interface VMFiles {
    /**
     * The same files, used as that user of the guest: what is made belongs to that user, and what the user may not do
     * fails. Without this it is the guest agent's own user, root as a rule.
     *
     * @throws InvalidValueException if it cannot be a user's name, as {@link Command#user} says
     */
    VMFiles asUser(String user);

    /**
     * What a file holds.
     *
     * @param maxBytes how much it may hold, 0 to 2147483639 (this virtual machine's longest array)
     * @throws GuestFileException {@link GuestFileException.Reason#TOO_BIG} if it holds more
     */
    byte[] read(String path, int maxBytes);

    /** What a file holds, as UTF-8; malformed bytes become U+FFFD. Otherwise as {@link #read}. */
    default String readText(String path, int maxBytes) {
        return new String(read(path, maxBytes), StandardCharsets.UTF_8);
    }

    /**
     * Writes a whole file at once: who reads it sees what it held before, or all of this, and a call that fails leaves what
     * was there. A file that is there keeps its permissions and owner, a new one has 0644. A symbolic link is replaced, not
     * followed. The directory must be there.
     */
    void write(String path, byte[] content);

    /**
     * As {@link #write(String, byte[])}, with those permissions.
     *
     * @param permissions four octal digits, as {@code chmod} takes them
     */
    void write(String path, byte[] content, String permissions);

    /** Writes a whole file in UTF-8, as {@link #write(String, byte[])}. */
    default void writeText(String path, String text) {
        write(path, text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes behind the end of a file, which is made if it is not there. A symbolic link is followed. A call that fails may
     * have written a part.
     */
    void append(String path, byte[] content);

    /**
     * What a directory holds, sorted by name, without {@code .} and {@code ..}; {@link OutputLimitException} if that takes
     * more than 8 MiB to tell, some hundred thousand entries. Names that are not UTF-8 have U+FFFD for
     * malformed bytes, and their files cannot be asked for.
     */
    List<GuestFile> list(String directory);

    /** What there is at that path; of a symbolic link, the link. */
    GuestFile stat(String path);

    /** Whether there is anything at that path; a symbolic link counts, whatever it points to. */
    boolean exists(String path);

    /** Makes a directory and those above it, with permissions 0755; does nothing if it is there. */
    void makeDirectories(String path);

    /**
     * Removes a file, a link, or an empty directory.
     *
     * @throws GuestFileException {@link GuestFileException.Reason#NOT_FOUND} if it is not there, {@link
     *     GuestFileException.Reason#NOT_EMPTY} if it is a directory that holds something
     */
    void delete(String path);

    /**
     * Removes whatever there is, with all that is in it, following no links; does nothing if there is nothing.
     *
     * @throws InvalidValueException for the guest's root directory
     */
    void deleteRecursively(String path);

    /** As {@link #copyIn(Path, String, CopyOptions)}, with the standard options. */
    default CopyReport copyIn(Path source, String directory) {
        return copyIn(source, directory, CopyOptions.standard());
    }

    /**
     * Copies a file, or all that a directory of this machine holds, into a directory of the guest, which is made if it is
     * not there. Files that are there are replaced, and so are links, which are not followed; others stay. Permissions and
     * times are kept, and symbolic links are copied as links, wherever they point. Files belong to whom {@link #asUser} says.
     * Hard links become files of their own; sockets, pipes and devices are left out. A copy that fails may leave a part in
     * the guest.
     *
     * @throws GuestFileException {@link GuestFileException.Reason#TOO_BIG} if it is more than the options allow, {@link
     *     GuestFileException.Reason#HOST} if it cannot be read, or changes meanwhile
     */
    CopyReport copyIn(Path source, String directory, CopyOptions options);

    /** As {@link #copyOut(String, Path, CopyOptions)}, with the standard options. */
    default CopyReport copyOut(String source, Path directory) {
        return copyOut(source, directory, CopyOptions.standard());
    }

    /**
     * Copies a file, or all that a directory of the guest holds, into a directory of this machine, which must be empty or not
     * there, in a directory that is. It appears when the copy is complete; a copy that fails leaves what was there. (A program
     * that is killed meanwhile leaves a directory beside it, whose name begins with a dot and ends in {@code .agentvm-part}.)
     *
     * <p>Everything belongs to the user of this program. Of permissions only those to read, write and execute are kept, and
     * directories can always be entered and changed by their owner; times of files are kept. Hard links become files of their
     * own. Symbolic links are copied as links; those that point outside of the copy are left out, unless the options say
     * otherwise, and so are sockets, pipes and devices: the report names them.
     *
     * @throws GuestFileException {@link GuestFileException.Reason#TOO_BIG} if it is more than the options allow, {@link
     *     GuestFileException.Reason#NOT_EMPTY} if the directory holds something, {@link
     *     GuestFileException.Reason#MALFORMED} if what the guest sends is no copy, or wants to be written elsewhere, {@link
     *     GuestFileException.Reason#HOST} if it cannot be written
     */
    CopyReport copyOut(String source, Path directory, CopyOptions options);
}
