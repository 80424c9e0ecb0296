package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.OperationTimeoutException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.VMNotFoundException;
import dev.agentvm.VMRestoredException;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.network.BandwidthLimit;
import dev.agentvm.network.NetworkAttachment;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LibvirtVMTest {
    private static final FailureContext TEST = FailureContext.of("test");

    @TempDir
    Path directory = Path.of("");

    private TestDriverVM made;
    private LibvirtVM vm;

    @BeforeEach
    void launch() {
        made = new TestDriverVM(directory, unused -> {});
        made.create(TestDriverVM.BLANK);
        made.launched(() -> {});
        vm = made.vm();
    }

    @AfterEach
    void close() {
        made.close();
    }

    @Test
    void isolation_whileTheVMIsPutBack_saysSo() {
        made.on("xml", unused -> {
            vm.beginReturn();
            throw new VMNotFoundException("no domain", TEST);
        });

        assertThatThrownBy(vm::isolation).isInstanceOf(VMRestoredException.class);
    }

    @Test
    void isolation_vmWasPutBackMeanwhile_saysSo() {
        made.on("xml", unused -> {
            vm.beginReturn();
            vm.endReturn();
            throw new VMNotFoundException("no domain", TEST);
        });

        assertThatThrownBy(vm::isolation).isInstanceOf(VMRestoredException.class);
    }

    @Test
    void isolation_vmHasJustEnded_saysSo() {
        made.on("xml", unused -> {
            assertThat(made.domains().destroy(vm.domain())).isTrue();
            throw new VMNotFoundException("no domain", TEST);
        });

        assertThatThrownBy(vm::isolation)
                .isInstanceOf(VMDestroyedException.class)
                .hasMessageContaining("its domain stopped");
    }

    @Test
    void setBandwidth_whileTheVMIsPutBack_saysSo() {
        Attached attached = new Attached(NetworkAttachment.example(), "br0", Optional.empty(), false);
        vm.policy(PolicyInForce.unknown(made.host().parts().networking(), vm.domain(), attached));
        made.on("setBandwidth", unused -> {
            vm.beginReturn();
            throw new VMNotFoundException("no domain", TEST);
        });

        assertThatThrownBy(() -> vm.setBandwidth(BandwidthLimit.unlimited())).isInstanceOf(VMRestoredException.class);
    }

    @Test
    void explain_itCannotBeAskedWhetherTheVMRuns_isTheCommandsOwnFailure() {
        made.on("state", unused -> {
            throw new OperationTimeoutException("libvirt has not answered", TEST);
        });
        AgentVMException own = new GuestAgentException("the agent is silent", TEST);

        assertThat(vm.explain("exec", own)).isSameAs(own);
        assertThat(own.getSuppressed()).singleElement().isInstanceOf(OperationTimeoutException.class);
    }

    @Test
    void awaitEnd_forEver_returnsAtTheEnd() {
        CompletableFuture<Boolean> ended =
                CompletableFuture.supplyAsync(() -> vm.awaitEnd(ChronoUnit.FOREVER.getDuration()));

        vm.destroy();

        assertThat(ended.join()).isTrue();
    }
}
