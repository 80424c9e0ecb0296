package dev.agentvm.testkit;

import dev.agentvm.GuestImage;
import dev.agentvm.Images;
import dev.agentvm.StoredImage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Images like others, but for what a subclass gets wrong. */
class SpoiltImages implements Images {
    private final Images right;

    SpoiltImages(Images right) {
        this.right = right;
    }

    @Override
    public List<StoredImage> list() {
        return right.list();
    }

    @Override
    public StoredImage add(String name, GuestImage image, Map<Path, String> sha256) {
        return right.add(name, image, sha256);
    }

    @Override
    public boolean remove(String name) {
        return right.remove(name);
    }
}
