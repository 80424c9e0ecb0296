package dev.agentvm.testkit;

import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFile;
import dev.agentvm.VMFiles;
import java.nio.file.Path;
import java.util.List;

/** Files like others, but for what a subclass gets wrong. */
class SpoiltFiles implements VMFiles {
    private final VMFiles right;

    SpoiltFiles(VMFiles right) {
        this.right = right;
    }

    @Override
    public VMFiles asUser(String user) {
        return right.asUser(user);
    }

    @Override
    public byte[] read(String path, int maxBytes) {
        return right.read(path, maxBytes);
    }

    @Override
    public void write(String path, byte[] content) {
        right.write(path, content);
    }

    @Override
    public void write(String path, byte[] content, String permissions) {
        right.write(path, content, permissions);
    }

    @Override
    public void append(String path, byte[] content) {
        right.append(path, content);
    }

    @Override
    public List<GuestFile> list(String directory) {
        return right.list(directory);
    }

    @Override
    public GuestFile stat(String path) {
        return right.stat(path);
    }

    @Override
    public boolean exists(String path) {
        return right.exists(path);
    }

    @Override
    public void makeDirectories(String path) {
        right.makeDirectories(path);
    }

    @Override
    public void delete(String path) {
        right.delete(path);
    }

    @Override
    public void deleteRecursively(String path) {
        right.deleteRecursively(path);
    }

    @Override
    public CopyReport copyIn(Path source, String directory, CopyOptions options) {
        return right.copyIn(source, directory, options);
    }

    @Override
    public CopyReport copyOut(String source, Path directory, CopyOptions options) {
        return right.copyOut(source, directory, options);
    }
}
