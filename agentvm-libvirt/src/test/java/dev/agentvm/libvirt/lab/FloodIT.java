package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.libvirt.LibvirtHypervisor;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Each launch makes libvirt unlink the IP rules of all VMs for a moment. */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class FloodIT {
    private static final String WWW = Lab.fact("WWW_ADDRESS");

    @AfterEach
    void nothingIsLeft() {
        Leftovers.assertNone();
    }

    @Test
    void flood_whileOthersLaunch_bringsNoPayloadOut() {
        String udp = "udp-" + UUID.randomUUID();
        String tcp = "tcp-" + UUID.randomUUID();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM flooding = hypervisor.launch(Lab.tiny("flooding"))) {
            Lab.awaitNetwork(flooding);
            flood(flooding, "probe udp " + WWW + " 8080 " + udp + " 1");
            flood(flooding, "echo " + tcp + " | nc " + WWW + " 8080");
            for (int i = 0; i < (Lab.soak() ? 20 : 4); i++) {
                hypervisor.launch(Lab.tiny("other-" + i)).close();
            }
            assertThat(Lab.arrived(udp)).isEmpty();
            assertThat(Lab.arrived(tcp)).isEmpty();

            Lab.unfilter(flooding);
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() ->
                            !Lab.arrived(udp).isEmpty() && !Lab.arrived(tcp).isEmpty());
        }
    }

    private static void flood(VM vm, String command) {
        Lab.output(vm, Command.shell("(while :; do " + command + "; done) >/dev/null 2>&1 &"));
    }
}
