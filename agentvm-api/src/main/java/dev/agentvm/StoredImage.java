package dev.agentvm;

import java.util.List;
import org.immutables.value.Value;

/** A named image as it is stored on the hypervisor's host. Immutable, safe for use by many threads. */
@ValueStyle
@Value.Immutable
public abstract class StoredImage {
    StoredImage() {}

    /** Its name, for {@link GuestImage#named}. */
    public abstract String name();

    /** What it boots, a {@link DiskImage} or {@link KernelImage} of files in the image directory. */
    public abstract GuestImage image();

    /** These files. */
    public abstract List<ImageFile> files();

    /** Makes a {@link StoredImage}, as hypervisors do. Not thread-safe. */
    public static final class Builder extends ImmutableStoredImage.Builder {
        /** Starts with nothing set. */
        public Builder() {}
    }
}
