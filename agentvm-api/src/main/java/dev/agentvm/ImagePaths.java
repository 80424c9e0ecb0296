package dev.agentvm;

import java.nio.file.Path;

/** What a path of an image may be. */
final class ImagePaths {
    private ImagePaths() {}

    static void check(String field, Path path) {
        if (!path.isAbsolute() || !path.equals(path.normalize())) {
            throw new InvalidValueException(field, path, "must be an absolute path without '.' and '..'");
        }
        if (!Checks.isXmlLine(path.toString())) {
            throw new InvalidValueException(field, path, "must not hold control or malformed characters");
        }
    }
}
