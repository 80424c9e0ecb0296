package dev.agentvm;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The named images of a hypervisor's host, in its image directory. What is added by one program is there for all. Safe for
 * use by many threads and programs.
 */
public interface Images {
    /**
     * All named images, by name. One that could not be launched is left out, with a warning in the log.
     *
     * @throws HostNotReadyException if this program may not read the image directory
     */
    List<StoredImage> list();

    /** Adds an image without checking sums; see {@link #add(String, GuestImage, Map)}. */
    default StoredImage add(String name, GuestImage image) {
        return add(name, image, Map.of());
    }

    /**
     * Copies an image's files into the image directory, under a name by which templates then have it. It is there as a whole
     * or, if anything fails, not at all. The files that were given are not needed any more afterwards.
     *
     * @param name what {@link GuestImage#named} takes, not yet that of an image
     * @param image a {@link DiskImage} or {@link KernelImage} whose files this program can read. A qcow2 disk that needs other
     *     files, as overlays do, is refused
     * @param sha256 the SHA-256 that files must have, as 64 hexadecimal digits, by the path that {@code image} names; files
     *     that are not in it are not checked
     * @return what was stored, with the sums of all files
     * @throws InvalidValueException if the name or the image cannot be used, or a file has another sum
     * @throws ImageNotFoundException if a file cannot be read, or is not of the format that it should be
     * @throws ImageAlreadyExistsException if the name is taken; nothing is changed then
     * @throws HostNotReadyException if this program may not write the image directory, or it is full
     */
    StoredImage add(String name, GuestImage image, Map<Path, String> sha256);

    /**
     * Removes an image and its files.
     *
     * @return whether there was one
     * @throws ImageInUseException if a VM of this library uses it, or the disk of one that a dead program left, which {@link
     *     Hypervisor#reap} removes; nothing is changed then
     * @throws HostNotReadyException if this program may not write the image directory
     */
    boolean remove(String name);
}
