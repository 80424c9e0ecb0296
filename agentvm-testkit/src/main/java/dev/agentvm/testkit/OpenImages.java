package dev.agentvm.testkit;

import dev.agentvm.GuestImage;
import dev.agentvm.Images;
import dev.agentvm.StoredImage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A host's images as one program sees them, until it is closed. Safe for use by many threads. */
final class OpenImages implements Images {
    private final FakeHypervisor program;
    private final FakeImages images;

    OpenImages(FakeHypervisor program, FakeImages images) {
        this.program = program;
        this.images = images;
    }

    @Override
    public List<StoredImage> list() {
        program.requireOpen("list images");
        return images.list();
    }

    @Override
    public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
        program.requireOpen("add an image");
        return images.add(name, image, sha256);
    }

    @Override
    public boolean remove(String name) {
        program.requireOpen("remove an image");
        return images.remove(name);
    }
}
