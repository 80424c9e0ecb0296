package dev.agentvm.testkit;

import dev.agentvm.GuestFile;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The files of a fake guest, with permissions and owners that are remembered and bind nobody. Paths are absolute and without
 * '.' and '..'; links in them are followed, the last part's only where that is said. Safe for use by many threads.
 */
final class GuestFiles {
    private static final List<String> ROOT =
            List.of("/", "/bin", "/dev", "/etc", "/home", "/root", "/run", "/tmp", "/usr", "/var");
    private static final int MOST_LINKS = 40;

    private final TreeMap<String, Node> nodes = new TreeMap<>();
    private final Supplier<Instant> clock;

    /**
     * What there is at a path; never compared.
     *
     * @param content what a file holds
     * @param target where a link points
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Node(GuestFile.Kind kind, byte[] content, String target, String permissions, long uid, Instant modified) {
        boolean is(GuestFile.Kind other) {
            return kind == other;
        }

        GuestFile at(String path) {
            return new GuestFile.Builder()
                    .path(path)
                    .kind(kind)
                    .size(is(GuestFile.Kind.LINK) ? target.length() : content.length)
                    .permissions(permissions)
                    .uid(uid)
                    .gid(uid)
                    .modified(Instant.ofEpochSecond(modified.getEpochSecond()))
                    .linkTarget(is(GuestFile.Kind.LINK) ? Optional.of(target) : Optional.empty())
                    .build();
        }
    }

    GuestFiles(Supplier<Instant> clock) {
        this.clock = clock;
        ROOT.forEach(path -> nodes.put(path, directory(0)));
    }

    /** All that is there, as it is now. */
    synchronized Map<String, Node> all() {
        return new TreeMap<>(nodes);
    }

    /** Puts all of {@code others} in place of all that is there. */
    synchronized void become(Map<String, Node> others) {
        nodes.clear();
        nodes.putAll(others);
    }

    private Node directory(long uid) {
        return new Node(GuestFile.Kind.DIRECTORY, new byte[0], "", "0755", uid, clock.get());
    }

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

    static String parent(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }

    /** That path with all links on the way to it followed; the last part too, if {@code whole}. */
    private String real(String path, boolean whole) {
        String found = path;
        for (int links = 0; links < MOST_LINKS; links++) {
            Optional<String> next = followOne(found, whole);
            if (next.isEmpty()) {
                return found;
            }
            found = next.get();
        }
        return "/too/many/links";
    }

    private Optional<String> followOne(String path, boolean whole) {
        String[] parts = path.substring(1).split("/");
        String at = "";
        for (int i = 0; i < parts.length; i++) {
            String above = at.isEmpty() ? "/" : at;
            at = at + "/" + parts[i];
            Node node = nodes.get(at);
            boolean last = i == parts.length - 1;
            if (node != null && node.is(GuestFile.Kind.LINK) && (!last || whole)) {
                String rest = String.join("/", Arrays.asList(parts).subList(i + 1, parts.length));
                return Optional.of(resolve(resolve(above, node.target()), rest));
            }
        }
        return Optional.empty();
    }

    /** What there is; a link itself. */
    synchronized Optional<Node> node(String path) {
        return Optional.ofNullable(nodes.get(real(path, false)));
    }

    /** What there is; what a link points to. */
    synchronized Optional<Node> followed(String path) {
        return Optional.ofNullable(nodes.get(real(path, true)));
    }

    /** Puts something in place of whatever there is. */
    synchronized void put(String path, Node node) {
        nodes.put(real(path, false), node);
    }

    /** All below a directory, by the path within it, each after what it is in. */
    synchronized Map<String, Node> below(String directory) {
        String prefix = real(directory, true).equals("/") ? "/" : real(directory, true) + "/";
        TreeMap<String, Node> below = new TreeMap<>();
        nodes.forEach((path, node) -> {
            if (path.startsWith(prefix) && path.length() > prefix.length()) {
                below.put(path.substring(prefix.length()), node);
            }
        });
        return below;
    }

    synchronized boolean isDirectory(String path) {
        return followed(path).filter(node -> node.is(GuestFile.Kind.DIRECTORY)).isPresent();
    }

    synchronized Optional<byte[]> read(String path) {
        return followed(path)
                .filter(node -> node.is(GuestFile.Kind.FILE))
                .map(node -> node.content().clone());
    }

    /**
     * Writes a whole file, which keeps its permissions and owner if it is there; a link is followed.
     *
     * @return whether its directory is there and it is none itself
     */
    synchronized boolean write(String path, byte[] content) {
        String file = real(path, true);
        if (isDirectory(file) || !isDirectory(parent(file))) {
            return false;
        }
        Node before = nodes.get(file);
        nodes.put(
                file,
                new Node(
                        GuestFile.Kind.FILE,
                        content.clone(),
                        "",
                        before == null ? "0644" : before.permissions(),
                        before == null ? 0 : before.uid(),
                        clock.get()));
        return true;
    }

    synchronized boolean makeDirectories(String path) {
        return makeDirectories(path, 0);
    }

    /**
     * Makes a directory and those above it.
     *
     * @return whether nothing else is in the way
     */
    synchronized boolean makeDirectories(String path, long uid) {
        String directory = real(path, true);
        if (isDirectory(directory)) {
            return true;
        }
        if (nodes.containsKey(directory) || !makeDirectories(parent(directory), uid)) {
            return false;
        }
        nodes.put(directory, directory(uid));
        return true;
    }

    /**
     * Removes a file or a link, or a directory with all in it.
     *
     * @return whether it was there
     */
    synchronized boolean remove(String path) {
        String gone = real(path, false);
        String below = gone + "/";
        return nodes.keySet().removeIf(name -> name.equals(gone) || name.startsWith(below));
    }
}
