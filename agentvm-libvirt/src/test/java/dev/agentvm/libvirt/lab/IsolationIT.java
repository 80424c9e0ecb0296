package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Accelerator;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.Isolation;
import dev.agentvm.Resources;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.ArrayList;
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

            // Of the guest, of QEMU, and of the disk, since that lies in memory here.
            Resources resources = Lab.tiny("vm").resources();
            long limit = (resources.memoryMiB() + 1024 + resources.diskGiB() * 1024L) << 20;
            assertThat(isolation.memoryLimitBytes()).isEqualTo(OptionalLong.of(limit));
            assertThat(isolation.cpuLimitPercent()).isEqualTo(OptionalLong.of(120));
            Path memory = group(pid, "memory");
            Path cpu = group(pid, "cpu");
            if (Files.exists(memory.resolve("memory.max"))) {
                assertThat(number(memory, "memory.max")).isEqualTo(limit);
                assertThat(Files.readString(cpu.resolve("cpu.max"))).startsWith("120000 100000");
                assertThat(isolation.cpuShares()).isEqualTo(OptionalLong.of(number(cpu, "cpu.weight")));
            } else {
                assertThat(number(memory, "memory.limit_in_bytes")).isEqualTo(limit);
                assertThat(number(cpu, "cpu.cfs_quota_us") * 100 / number(cpu, "cpu.cfs_period_us"))
                        .isEqualTo(120);
                assertThat(isolation.cpuShares()).isEqualTo(OptionalLong.of(number(cpu, "cpu.shares")));
            }

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
                VM vm = hypervisor.launch(
                        Lab.tiny("vm").withImage(GuestImage.named("debian")).withResources(Resources.standard()))) {
            assertThat(files).isNotEmpty();
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
        List<PosixFileAttributes> all = new ArrayList<>();
        for (Path file : files) {
            all.add(Files.readAttributes(file, PosixFileAttributes.class));
        }
        return all;
    }

    private static long qemu(VM vm) throws IOException {
        return Long.parseLong(Files.readString(Path.of("/run/libvirt/qemu/" + vm.name() + ".pid"))
                .strip());
    }

    /** The domain's own group, which lies above those of QEMU's threads; with cgroup v2 there is one for all. */
    private static Path group(long pid, String controller) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/cgroup"))) {
            String[] parts = line.split(":", 3);
            boolean unified = parts[1].isEmpty() && Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"));
            if (unified || List.of(parts[1].split(",")).contains(controller)) {
                Path own = Path.of(parts[2]);
                int depth = 0;
                while (!own.getName(depth).toString().contains("qemu-")) {
                    depth++;
                }
                return Path.of("/sys/fs/cgroup", unified ? "" : controller).resolve(own.subpath(0, depth + 1));
            }
        }
        throw new IllegalStateException("no " + controller + " group of " + pid);
    }

    private static long number(Path group, String file) throws IOException {
        return Long.parseLong(Files.readString(group.resolve(file)).strip());
    }
}
