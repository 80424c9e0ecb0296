package dev.agentvm.testkit;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** The files of a fake guest: names and bytes, without owners and links. Safe for use by many threads. */
final class GuestFiles {
    private static final List<String> ROOT =
            List.of("/", "/bin", "/dev", "/etc", "/home", "/root", "/run", "/tmp", "/usr", "/var");

    private final TreeMap<String, byte[]> files = new TreeMap<>();
    private final TreeSet<String> directories = new TreeSet<>(ROOT);

    /** The absolute form of {@code path}, without '.' and '..'. */
    static String resolve(String directory, String path) {
        String whole = path.startsWith("/") ? path : directory + "/" + path;
        Deque<String> names = new ArrayDeque<>();
        for (String name : whole.split("/")) {
            if (name.equals("..")) {
                names.pollLast();
            } else if (!name.isEmpty() && !name.equals(".")) {
                names.addLast(name);
            }
        }
        return "/" + String.join("/", names);
    }

    synchronized boolean isDirectory(String path) {
        return directories.contains(path);
    }

    synchronized Optional<byte[]> read(String path) {
        return Optional.ofNullable(files.get(path)).map(byte[]::clone);
    }

    /**
     * Writes a whole file.
     *
     * @return whether its directory is there and it is none itself
     */
    synchronized boolean write(String path, byte[] content) {
        if (directories.contains(path) || !directories.contains(parent(path))) {
            return false;
        }
        files.put(path, content.clone());
        return true;
    }

    /**
     * Makes a directory and those above it.
     *
     * @return whether no file is in the way
     */
    synchronized boolean makeDirectories(String path) {
        if (files.containsKey(path)) {
            return false;
        }
        if (directories.contains(path)) {
            return true;
        }
        return makeDirectories(parent(path)) && directories.add(path);
    }

    /**
     * Removes a file, or a directory with all in it.
     *
     * @return whether it was there
     */
    synchronized boolean remove(String path) {
        boolean there = files.containsKey(path) || directories.contains(path);
        String below = path + "/";
        files.keySet().removeIf(name -> name.equals(path) || name.startsWith(below));
        directories.removeIf(name -> name.equals(path) || name.startsWith(below));
        return there;
    }

    static String parent(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }
}
