package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Accelerator;
import dev.agentvm.Hypervisor;
import dev.agentvm.Isolation;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What {@link VM#isolation()} says, against what the host's own tools say. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class IsolationIT {
    @Test
    void isolation_runningVM_isWhatTheKernelSays() throws IOException {
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm"))) {
            Isolation isolation = vm.isolation();

            long pid = qemu(vm);
            String status = Files.readString(Path.of("/proc/" + pid + "/status"));
            assertThat(status)
                    .containsPattern("Seccomp:\t" + isolation.seccompMode().orElseThrow() + "\n");
            assertThat(isolation.seccompMode()).isEqualTo(OptionalLong.of(2));
            assertThat(status)
                    .containsPattern("Uid:\t" + isolation.uid().orElseThrow() + "\t")
                    .containsPattern("Gid:\t" + isolation.gid().orElseThrow() + "\t")
                    .containsPattern("CapEff:\t" + isolation.capabilities().orElseThrow() + "\n");
            assertThat(isolation.uid().orElseThrow()).as("not root").isNotZero();
            assertThat(isolation.capabilities()).contains("0000000000000000");
            assertThat(isolation.ownMountNamespace()).contains(true);
            assertThat(Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/mnt")))
                    .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/mnt")));
            assertThat(isolation.filter()).contains("agentvm-" + vm.id());

            assertThat(isolation.memoryLimitBytes()).isEqualTo(OptionalLong.of((192L + 1024) << 20));
            assertThat(cgroup(pid, "memory", "memory.limit_in_bytes")).isEqualTo((192L + 1024) << 20);
            assertThat(isolation.cpuLimitPercent()).isEqualTo(OptionalLong.of(120));
            assertThat(cgroup(pid, "cpu", "cpu.cfs_quota_us") * 100 / cgroup(pid, "cpu", "cpu.cfs_period_us"))
                    .isEqualTo(120);
            assertThat(isolation.cpuShares()).isEqualTo(OptionalLong.of(cgroup(pid, "cpu", "cpu.shares")));

            boolean kvm = "good".equals(Lab.environment("AGENTVM_LAB_KVM"));
            assertThat(isolation.accelerator()).isEqualTo(kvm ? Accelerator.KVM : Accelerator.TCG);
        }
    }

    @Test
    void launch_image_isNeitherWrittenNorGivenAway() throws IOException {
        Path kernel = Path.of("/var/lib/agentvm/images/debian/image.properties")
                .toRealPath()
                .getParent();
        List<Path> files;
        try (var all = Files.list(kernel)) {
            files = all.toList();
        }
        List<PosixFileAttributes> before = attributes(files);

        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(Lab.tiny("vm")
                        .withImage(dev.agentvm.GuestImage.named("debian"))
                        .withResources(dev.agentvm.Resources.standard()))) {
            assertThat(attributes(files))
                    .usingRecursiveFieldByFieldElementComparatorIgnoringFields("st_atime_sec", "st_atime_nsec")
                    .isNotEmpty();
            for (int i = 0; i < files.size(); i++) {
                PosixFileAttributes now = attributes(files).get(i);
                assertThat(now.owner())
                        .as("%s while %s runs", files.get(i), vm)
                        .isEqualTo(before.get(i).owner());
                assertThat(now.lastModifiedTime()).isEqualTo(before.get(i).lastModifiedTime());
            }
        }
    }

    private static List<PosixFileAttributes> attributes(List<Path> files) throws IOException {
        List<PosixFileAttributes> all = new java.util.ArrayList<>();
        for (Path file : files) {
            all.add(Files.readAttributes(file, PosixFileAttributes.class));
        }
        return all;
    }

    private static long qemu(VM vm) throws IOException {
        return Long.parseLong(Files.readString(Path.of("/run/libvirt/qemu/" + vm.name() + ".pid"))
                .strip());
    }

    /** The value in the domain's own group, which lies above those of QEMU's threads. */
    private static long cgroup(long pid, String controller, String file) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/cgroup"))) {
            String[] parts = line.split(":", 3);
            if (List.of(parts[1].split(",")).contains(controller)) {
                Path own = Path.of(parts[2]);
                int depth = 0;
                while (!own.getName(depth).toString().startsWith("qemu-")) {
                    depth++;
                }
                Path group = Path.of("/").resolve(own.subpath(0, depth + 1));
                String root = Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
                        .filter(mount ->
                                mount.contains(" - cgroup ") && mount.matches(".*[ ,]" + controller + "(,.*)?$"))
                        .findFirst()
                        .orElseThrow();
                String[] mount = root.split(" ");
                Path directory = Path.of(mount[4]).resolve(Path.of(mount[3]).relativize(group));
                return Long.parseLong(Files.readString(directory.resolve(file)).strip());
            }
        }
        throw new IllegalStateException("no " + controller + " group of " + pid);
    }
}
