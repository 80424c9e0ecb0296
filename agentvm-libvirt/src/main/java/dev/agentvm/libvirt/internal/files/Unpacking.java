package dev.agentvm.libvirt.internal.files;

import dev.agentvm.CopyOptions;
import dev.agentvm.CopyReport;
import dev.agentvm.GuestFileException;
import dev.agentvm.GuestFileException.Reason;
import dev.agentvm.libvirt.internal.guest.Excerpt;
import dev.agentvm.spi.GuestPaths;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * Reads a guest's tar stream and lets a {@link TreeWriter} write what it holds. The guest may be hostile: what has no place
 * in a copy, or a place elsewhere, ends it. Used once.
 */
final class Unpacking {
    private static final int BLOCK = 10 * 1024;
    /** What tars put behind the end of an archive, to fill their last block. */
    private static final int MAX_PADDING = 1024 * 1024;

    private static final int PIECE = 256 * 1024;
    private static final int SHOWN = 200;
    private static final int WRITABLE_BY_OTHERS = 022;
    private static final int MAX_EXTRA_HEADERS = 64;
    /** Of one sparse file; those in global headers are of all that follow, and add up. */
    private static final int MAX_HOLES = 10_000;

    private final GuestStream stream;
    private final TarSource source;
    private final TreeWriter writer;
    private final CopyOptions options;
    private final Trouble trouble;
    private final Tally tally;
    private final byte[] piece = new byte[PIECE];
    private boolean topSeen;

    Unpacking(GuestStream stream, TreeWriter writer, CopyOptions options, Trouble trouble) {
        this.stream = stream;
        this.source = new TarSource(stream.output());
        this.writer = writer;
        this.options = options;
        this.trouble = trouble;
        this.tally = new Tally(options, trouble);
    }

    void run() {
        try (TarArchiveInputStream tar = new TarArchiveInputStream(source, BLOCK, StandardCharsets.UTF_8.name())) {
            stream.input().close();
            while (true) {
                source.headers();
                TarArchiveEntry entry = next(tar);
                if (entry == null) {
                    awaitEnd();
                    return;
                }
                source.content();
                take(entry, tar);
            }
        } catch (IOException e) {
            throw stream.unreadable(e, source.ended());
        }
    }

    /**
     * What was done.
     *
     * @param passedOver what the guest's tar did not send
     */
    CopyReport report(List<String> passedOver) {
        passedOver.forEach(tally::leaveOut);
        return tally.report();
    }

    /** What hostile bytes make of the library is an exception of some kind. */
    private TarArchiveEntry next(TarArchiveInputStream tar) throws IOException {
        try {
            return tar.getNextEntry();
        } catch (RuntimeException e) {
            throw new IOException("its headers cannot be read: " + e, e);
        }
    }

    private void take(TarArchiveEntry entry, InputStream content) throws IOException {
        if (!entry.isCheckSumOK()) {
            throw malformed(entry.getName(), "has not the checksum it says");
        }
        if (entry.getExtraPaxHeaders().size() > MAX_EXTRA_HEADERS) {
            throw malformed(entry.getName(), "has more than " + MAX_EXTRA_HEADERS + " headers that are not needed");
        }
        List<?> holes = entry.getSparseHeaders();
        if (holes != null && holes.size() > MAX_HOLES) {
            throw malformed(entry.getName(), "has more than " + MAX_HOLES + " holes");
        }
        if (!source.hold(entry.getName()) || !source.hold(entry.getLinkName())) {
            leaveOut(entry, content);
            return;
        }
        List<String> path = parts(entry.getName(), entry.getName());
        int before = writer.directoriesMade();
        switch (entry.getLinkFlag()) {
            case TarConstants.LF_NORMAL,
                    TarConstants.LF_OLDNORM,
                    TarConstants.LF_CONTIG,
                    TarConstants.LF_GNUTYPE_SPARSE -> {
                if (entry.isDirectory()) {
                    directory(path, entry);
                } else {
                    file(path, entry, content);
                }
            }
            case TarConstants.LF_DIR -> directory(path, entry);
            case TarConstants.LF_SYMLINK -> symbolicLink(path, entry);
            case TarConstants.LF_LINK -> hardLink(path, entry);
            default -> {
                requireEmpty(entry);
                tally.leaveOut(entry.getName());
            }
        }
        int announced = isDirectory(entry) ? 1 : 0;
        tally.implied(Math.max(0, writer.directoriesMade() - before - announced));
    }

    /** Not what only has a name as directories do. */
    private static boolean isDirectory(TarArchiveEntry entry) {
        return switch (entry.getLinkFlag()) {
            case TarConstants.LF_SYMLINK, TarConstants.LF_LINK -> false;
            default -> entry.isDirectory();
        };
    }

    private void leaveOut(TarArchiveEntry entry, InputStream content) throws IOException {
        tally.leaveOut(EntryName.shown(entry.getName()), entry.getRealSize());
        long left = entry.getRealSize();
        for (int count = content.read(piece); count >= 0 && left >= 0; count = content.read(piece)) {
            left -= count;
        }
        if (left != 0) {
            throw malformed(entry.getName(), "does not hold the " + entry.getRealSize() + " bytes it says");
        }
    }

    private List<String> parts(String name, String entry) {
        try {
            return EntryName.parts(name);
        } catch (EntryName.UnsafeNameException e) {
            throw malformed(entry, (name.equals(entry) ? "" : "is a link to what ") + e.getMessage());
        }
    }

    private void requireEmpty(TarArchiveEntry entry) {
        if (entry.getSize() != 0) {
            throw malformed(entry.getName(), "holds bytes, and is no file");
        }
    }

    private void directory(List<String> path, TarArchiveEntry entry) {
        requireEmpty(entry);
        if (path.isEmpty()) {
            if (topSeen) {
                throw malformed(entry.getName(), "was there before");
            }
            topSeen = true;
            writer.directory(path, mode(entry));
            return;
        }
        tally.begin(0);
        writer.directory(path, mode(entry));
        tally.end();
    }

    private void file(List<String> path, TarArchiveEntry entry, InputStream content) throws IOException {
        requireName(path, entry);
        tally.begin(entry.getRealSize());
        try (TreeWriter.NewFile file = writer.file(path)) {
            long size = copy(content, file, entry.getRealSize());
            if (size != entry.getRealSize()) {
                throw malformed(
                        entry.getName(), "holds " + size + " bytes, not the " + entry.getRealSize() + " it says");
            }
            file.complete(mode(entry), entry.getLastModifiedTime());
        }
        tally.end();
    }

    /** What it may be, on this machine. */
    private int mode(TarArchiveEntry entry) {
        int mode = entry.getMode();
        if ((mode & WRITABLE_BY_OTHERS) == 0 || options.writableByOthers()) {
            return mode;
        }
        tally.narrow(entry.getName());
        return mode & ~WRITABLE_BY_OTHERS;
    }

    private long copy(InputStream content, TreeWriter.NewFile file, long most) throws IOException {
        long size = 0;
        for (int count = content.read(piece); count >= 0; count = content.read(piece)) {
            size += count;
            if (size > most) {
                break;
            }
            file.write(piece, count);
            tally.copied(count);
        }
        return size;
    }

    private void symbolicLink(List<String> path, TarArchiveEntry entry) {
        requireName(path, entry);
        requireEmpty(entry);
        String target = entry.getLinkName();
        if (!options.outsideLinks() && !GuestPaths.staysInside(path.size() - 1, target)) {
            tally.leaveOut(entry.getName());
            return;
        }
        tally.begin(0);
        writer.symbolicLink(path, target);
        tally.end();
    }

    /** Becomes a file of its own. */
    private void hardLink(List<String> path, TarArchiveEntry entry) throws IOException {
        requireName(path, entry);
        requireEmpty(entry);
        List<String> original = parts(entry.getLinkName(), entry.getName());
        try (InputStream content = writer.read(original)) {
            long size = writer.size(original);
            tally.begin(size);
            try (TreeWriter.NewFile file = writer.file(path)) {
                long copied = copy(content, file, size);
                if (copied != size) {
                    throw malformed(entry.getName(), "is a link to a file that changes");
                }
                file.complete(mode(entry), entry.getLastModifiedTime());
            }
        }
        tally.end();
    }

    private void requireName(List<String> path, TarArchiveEntry entry) {
        if (path.isEmpty()) {
            throw malformed(entry.getName(), "is no directory, and would be all of the copy");
        }
    }

    /** Behind the end of the archive there is nothing but padding. */
    private void awaitEnd() throws IOException {
        if (!source.endsAsArchivesDo()) {
            throw new IOException("it ends before its end");
        }
        source.content();
        int padding = 0;
        for (int count = source.read(piece); count >= 0; count = source.read(piece)) {
            padding += count;
            if (padding > MAX_PADDING) {
                throw new IOException("it goes on behind its end");
            }
        }
    }

    private GuestFileException malformed(String name, String why) {
        return trouble.of(Reason.MALFORMED, "the guest sends an entry '" + Excerpt.head(name, SHOWN) + "' that " + why);
    }
}
