package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.agentvm.event.VMEvent;
import dev.agentvm.event.VMLaunched;
import dev.agentvm.event.VMPaused;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StandstillTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void pause_asSoonAsTheVMIsLaunched_isToldAfterTheLaunch() {
        List<VMEvent> told = new CopyOnWriteArrayList<>();
        try (TestDriverVM made = new TestDriverVM(directory, told::add)) {
            made.create(TestDriverVM.BLANK);
            LibvirtVM vm = made.vm();
            Thread other = new Thread(vm::pause);

            made.launched(() -> {
                other.start();
                await().until(() -> vm.changes().hasQueuedThreads() || !other.isAlive());
                made.events().launched(new VMLaunched.Builder());
            });

            await().until(() -> told.stream().anyMatch(VMPaused.class::isInstance));
            assertThat(told)
                    .filteredOn(event -> event instanceof VMLaunched || event instanceof VMPaused)
                    .extracting(event -> event instanceof VMLaunched ? "launched" : "paused")
                    .containsExactly("launched", "paused");
        }
    }
}
