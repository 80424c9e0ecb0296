package dev.agentvm.spi;

import dev.agentvm.InvalidValueException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** What implementations of {@link dev.agentvm.VMFiles} check alike. Stateless, safe for use by many threads. */
public final class GuestPaths {
    /** Linux's PATH_MAX, less the NUL at the end. */
    private static final int MAX_BYTES = 4095;

    private static final Pattern PERMISSIONS = Pattern.compile("[0-7]{4}");

    private GuestPaths() {}

    /**
     * Checks a path, and gives it without empty parts and a slash at the end.
     *
     * @param field what the path is to the caller
     * @throws InvalidValueException if it is not absolute, holds {@code .}, {@code ..}, NUL or malformed characters, or is
     *     too long
     */
    public static String check(String field, String path) {
        if (!path.startsWith("/")) {
            throw new InvalidValueException(field, path, "must be an absolute path in the guest");
        }
        boolean passable = path.codePoints().noneMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
        if (!passable) {
            throw new InvalidValueException(field, path, "must not hold NUL or malformed characters");
        }
        if (path.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            throw new InvalidValueException(field, path, "may be at most " + MAX_BYTES + " bytes in UTF-8");
        }
        List<String> parts = Arrays.stream(path.split("/", -1))
                .filter(part -> !part.isEmpty())
                .toList();
        if (parts.contains(".") || parts.contains("..")) {
            throw new InvalidValueException(field, path, "must not have the parts '.' and '..'");
        }
        return "/" + String.join("/", parts);
    }

    /** As {@link #check}, of a path that is not to be the guest's root directory. */
    public static String checkNotRoot(String field, String path) {
        String checked = check(field, path);
        if (checked.equals("/")) {
            throw new InvalidValueException(field, path, "must not be the guest's root directory");
        }
        return checked;
    }

    /**
     * Checks permissions.
     *
     * @throws InvalidValueException unless they are four octal digits
     */
    public static String checkPermissions(String permissions) {
        if (!PERMISSIONS.matcher(permissions).matches()) {
            throw new InvalidValueException("permissions", permissions, "must be four octal digits, such as 0600");
        }
        return permissions;
    }

    /**
     * Checks how much may be read.
     *
     * @throws InvalidValueException unless it fits an array
     */
    public static int checkMaxBytes(int maxBytes) {
        if (maxBytes < 0 || maxBytes > Integer.MAX_VALUE - 8) {
            throw new InvalidValueException("maxBytes", maxBytes, "must be from 0 to " + (Integer.MAX_VALUE - 8));
        }
        return maxBytes;
    }

    /**
     * Whether a link in a tree cannot lead out of it, whatever other such links there are: relative, going up only at its
     * beginning, and no further than to the tree's own directory.
     *
     * @param depth how many directories of the tree the link is in
     * @param target where it points
     */
    public static boolean staysInside(int depth, String target) {
        if (target.isEmpty() || target.startsWith("/")) {
            return false;
        }
        int up = 0;
        boolean down = false;
        for (String part : target.split("/")) {
            if (part.equals("..")) {
                // Behind a name, which may be a link itself, up is anywhere.
                if (down || ++up > depth) {
                    return false;
                }
            } else if (!part.isEmpty() && !part.equals(".")) {
                down = true;
            }
        }
        return true;
    }
}
