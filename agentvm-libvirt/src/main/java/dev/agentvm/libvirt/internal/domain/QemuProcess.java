package dev.agentvm.libvirt.internal.domain;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A QEMU process of this host, as {@code /proc} and the cgroup files tell (proc(5), cgroups(7)). What cannot be read is
 * empty.
 */
final class QemuProcess {
    private final Path proc;
    private final Path self;
    private final Map<String, String> status;

    private QemuProcess(Path proc, Path self) {
        this.proc = proc;
        this.self = self;
        this.status = status(proc);
    }

    /** The process of the domain with that id; libvirt gives it {@code -uuid} on its command line. */
    static Optional<QemuProcess> find(UUID id) {
        return find(Path.of("/proc"), id);
    }

    private static Optional<QemuProcess> find(Path procfs, UUID id) {
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(procfs, "[0-9]*")) {
            for (Path process : processes) {
                List<String> arguments =
                        List.of(text(process.resolve("cmdline")).orElse("").split("\0"));
                int at = arguments.indexOf("-uuid");
                if (at > 0
                        && at + 1 < arguments.size()
                        && arguments.get(at + 1).equals(id.toString())
                        && arguments.get(0).contains("qemu")) {
                    return Optional.of(new QemuProcess(process, procfs.resolve("self")));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    /** The process's id. */
    long pid() {
        return Long.parseLong(proc.getFileName().toString());
    }

    /** Whether it runs its guest on KVM; empty if its open files may not be read. */
    Optional<Boolean> usesKvm() {
        List<String> links = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(proc.resolve("fd"))) {
            for (Path file : files) {
                link(file).ifPresent(links::add);
            }
        } catch (IOException | DirectoryIteratorException e) {
            return Optional.empty();
        }
        return links.isEmpty() ? Optional.empty() : Optional.of(links.contains("anon_inode:kvm-vm"));
    }

    OptionalLong seccompMode() {
        return number(status.get("Seccomp"));
    }

    OptionalLong effectiveUid() {
        return number(field(status.get("Uid"), 1));
    }

    OptionalLong effectiveGid() {
        return number(field(status.get("Gid"), 1));
    }

    Optional<String> effectiveCapabilities() {
        return Optional.ofNullable(status.get("CapEff"));
    }

    /** Whether its mount namespace is not ours. */
    Optional<Boolean> ownMountNamespace() {
        Optional<String> its = link(proc.resolve("ns/mnt"));
        Optional<String> ours = link(self.resolve("ns/mnt"));
        return its.isPresent() && ours.isPresent() ? Optional.of(!its.equals(ours)) : Optional.empty();
    }

    /** Its AppArmor or SELinux label, unless it is not confined. */
    Optional<String> confinement() {
        return text(proc.resolve("attr/current"))
                .map(label -> label.replace("\0", "").strip())
                .filter(label -> !label.isEmpty() && !label.startsWith("unconfined") && !label.equals("kernel"));
    }

    /** The limit of its memory; the kernel says "max", or a number near 2^63, where there is none. */
    OptionalLong memoryLimitBytes() {
        return groups("memory").stream()
                .map(group -> first(group, "memory.max", "memory.limit_in_bytes"))
                .flatMapToLong(OptionalLong::stream)
                .filter(limit -> limit < Long.MAX_VALUE - (1L << 20))
                .min();
    }

    /** The weight of its group among all groups of virtual machines. */
    OptionalLong cpuShares() {
        List<Path> groups = groups("cpu");
        for (int i = groups.size() - 1; i >= 0; i--) {
            OptionalLong shares = first(groups.get(i), "cpu.weight", "cpu.shares");
            if (shares.isPresent()) {
                return shares;
            }
        }
        return OptionalLong.empty();
    }

    /** The limit of its CPU time in hundredths of one CPU. */
    OptionalLong cpuLimitPercent() {
        return groups("cpu").stream()
                .map(QemuProcess::quotaPercent)
                .flatMapToLong(OptionalLong::stream)
                .min();
    }

    private static OptionalLong quotaPercent(Path group) {
        Optional<String> v2 = text(group.resolve("cpu.max"));
        OptionalLong quota = v2.isPresent() ? number(field(v2.get(), 0)) : first(group, "cpu.cfs_quota_us");
        OptionalLong period = v2.isPresent() ? number(field(v2.get(), 1)) : first(group, "cpu.cfs_period_us");
        return quota.isPresent() && quota.getAsLong() > 0 && period.isPresent()
                ? OptionalLong.of(quota.getAsLong() * 100 / period.getAsLong())
                : OptionalLong.empty();
    }

    /** The directories of its cgroups, its own first, up to the one that libvirt made for the domain. */
    private List<Path> groups(String controller) {
        List<Path> result = new ArrayList<>();
        for (String line : text(proc.resolve("cgroup")).orElse("").split("\n")) {
            String[] parts = line.split(":", 3);
            boolean unified = parts.length == 3 && parts[1].isEmpty();
            if (parts.length == 3 && (unified || List.of(parts[1].split(",")).contains(controller))) {
                Path group = Path.of(parts[2]);
                while (group != null && group.toString().contains("qemu")) {
                    directory(group, unified ? "" : controller).ifPresent(result::add);
                    group = group.getParent();
                }
            }
        }
        return result;
    }

    /** Where a cgroup is mounted; {@code mountinfo} has fields 4 (root) and 5 (mount point), and the type after " - ". */
    private Optional<Path> directory(Path group, String controller) {
        for (String line : text(self.resolve("mountinfo")).orElse("").split("\n")) {
            String[] halves = line.split(" - ", 2);
            if (halves.length < 2) {
                continue;
            }
            String[] mount = halves[0].split(" ");
            String[] type = halves[1].split(" ");
            boolean matches = controller.isEmpty()
                    ? type[0].equals("cgroup2")
                    : type[0].equals("cgroup")
                            && List.of(type[type.length - 1].split(",")).contains(controller);
            if (matches && group.startsWith(mount[3])) {
                Path directory = Path.of(mount[4]).resolve(Path.of(mount[3]).relativize(group));
                if (Files.isDirectory(directory)) {
                    return Optional.of(directory);
                }
            }
        }
        return Optional.empty();
    }

    private static OptionalLong first(Path group, String... files) {
        for (String file : files) {
            Optional<String> value = text(group.resolve(file));
            if (value.isPresent()) {
                return number(value.get().strip());
            }
        }
        return OptionalLong.empty();
    }

    private static Map<String, String> status(Path proc) {
        Map<String, String> fields = new HashMap<>();
        for (String line : text(proc.resolve("status")).orElse("").split("\n")) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
            }
        }
        return fields;
    }

    private static @Nullable String field(@Nullable String line, int index) {
        String[] fields = line == null ? new String[0] : line.strip().split("\\s+");
        return index < fields.length ? fields[index] : null;
    }

    private static OptionalLong number(@Nullable String text) {
        return text != null && text.matches("-?[0-9]{1,18}|[0-9]{19}")
                ? OptionalLong.of(Long.parseLong(text))
                : OptionalLong.empty();
    }

    private static Optional<String> link(Path path) {
        try {
            return Optional.of(Files.readSymbolicLink(path).toString());
        } catch (IOException | UnsupportedOperationException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> text(Path path) {
        try {
            return Optional.of(Files.readString(path, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
