package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.FailureContext;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMState;
import dev.agentvm.libvirt.internal.nativeaccess.ErrorCode;
import dev.agentvm.libvirt.internal.xml.DomainSnapshotXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VM that was launched resettable; its snapshots are what libvirt says of them. */
class SnapshotsTest {
    private static final FailureContext SNAPSHOT = FailureContext.of("snapshot");

    @TempDir
    Path directory = Path.of("");

    private TestDriverVM made;
    private LibvirtVM vm;

    @BeforeEach
    void launch() {
        made = new TestDriverVM(directory, unused -> {});
        made.create(TestDriverVM.BLANK);
        vm = made.vm();
        made.launched(() -> {});
        made.on("snapshot", arguments -> taken((String) arguments[1]));
        made.snapshots().takeFirst();
    }

    @AfterEach
    void close() {
        made.close();
    }

    /** The guest stands still, and goes on on another disk. */
    private Object taken(String snapshot) {
        String disk = LibvirtXml.read(snapshot, DomainSnapshotXml.class).disks.stream()
                .flatMap(own -> Optional.ofNullable(own.source).stream())
                .flatMap(source -> Optional.ofNullable(source.file).stream())
                .findFirst()
                .orElseThrow();
        made.domains().suspend(vm.domain());
        made.domains().resume(vm.domain());
        made.on(
                "xml",
                unused -> made.domains()
                        .xml(vm.domain())
                        .replace(made.disk().volume().path(), disk));
        return Optional.empty();
    }

    private List<String> volumes() {
        Parts parts = made.host().parts();
        return parts.libvirt().storage().listVolumes(parts.volumes().name());
    }

    @Test
    void snapshot_libvirtIsBusyWithTheDomain_failsAndTheVMGoesOn() {
        List<String> before = volumes();
        made.on("snapshot", unused -> {
            throw new OperationTimeoutException(
                    "cannot acquire state change lock",
                    SNAPSHOT.libvirt(ErrorCode.OPERATION_TIMEOUT, ErrorCode.FROM_QEMU));
        });

        assertThatThrownBy(() -> vm.snapshot("busy"))
                .isInstanceOf(OperationTimeoutException.class)
                .hasMessageStartingWith("cannot acquire state change lock");

        assertThat(vm.state()).isEqualTo(VMState.RUNNING);
        assertThat(made.domains().state(vm.domain())).isPresent();
        assertThat(vm.snapshots()).isEmpty();
        assertThat(volumes()).containsExactlyInAnyOrderElementsOf(before);
    }

    @Test
    void snapshot_libvirtIsBusyAndTheDiskIsAnother_endsTheVM() {
        made.on("snapshot", arguments -> {
            taken((String) arguments[1]);
            throw new OperationTimeoutException(
                    "timed out", SNAPSHOT.libvirt(ErrorCode.OPERATION_TIMEOUT, ErrorCode.FROM_QEMU));
        });

        assertThatThrownBy(() -> vm.snapshot("late")).hasMessageContaining("may be half made");

        assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
    }

    @Test
    void snapshot_libvirtDoesNotAnswer_endsTheVM() {
        made.on("snapshot", unused -> {
            throw new OperationTimeoutException("libvirt has not answered", SNAPSHOT);
        });

        assertThatThrownBy(() -> vm.snapshot("lost")).hasMessageContaining("may be half made");

        assertThat(vm.state()).isEqualTo(VMState.DESTROYED);
        assertThat(made.domains().state(vm.domain())).isEmpty();
    }
}
