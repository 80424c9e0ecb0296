package dev.agentvm.pool;

import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFile;
import dev.agentvm.VMFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/** The files of a VM as the one sees them to whom it is lent. */
final class LeasedFiles implements VMFiles {
    private final VMFiles files;
    private final LeasedVM vm;

    LeasedFiles(VMFiles files, LeasedVM vm) {
        this.files = files;
        this.vm = vm;
    }

    private <T> T call(Function<VMFiles, T> call) {
        return vm.call("use the files", unused -> call.apply(files));
    }

    private void run(Consumer<VMFiles> call) {
        boolean unused = call(present -> {
            call.accept(present);
            return true;
        });
    }

    @Override
    public VMFiles asUser(String user) {
        return new LeasedFiles(files.asUser(user), vm);
    }

    @Override
    public byte[] read(String path, int maxBytes) {
        return call(present -> present.read(path, maxBytes));
    }

    @Override
    public void write(String path, byte[] content) {
        run(present -> present.write(path, content));
    }

    @Override
    public void write(String path, byte[] content, String permissions) {
        run(present -> present.write(path, content, permissions));
    }

    @Override
    public void append(String path, byte[] content) {
        run(present -> present.append(path, content));
    }

    @Override
    public List<GuestFile> list(String directory) {
        return call(present -> present.list(directory));
    }

    @Override
    public GuestFile stat(String path) {
        return call(present -> present.stat(path));
    }

    @Override
    public boolean exists(String path) {
        return call(present -> present.exists(path));
    }

    @Override
    public void makeDirectories(String path) {
        run(present -> present.makeDirectories(path));
    }

    @Override
    public void delete(String path) {
        run(present -> present.delete(path));
    }

    @Override
    public void deleteRecursively(String path) {
        run(present -> present.deleteRecursively(path));
    }

    @Override
    public CopyReport copyIn(Path source, String directory, CopyOptions options) {
        return call(present -> present.copyIn(source, directory, options));
    }

    @Override
    public CopyReport copyOut(String source, Path directory, CopyOptions options) {
        return call(present -> present.copyOut(source, directory, options));
    }
}
