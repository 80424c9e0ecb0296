package dev.agentvm.libvirt.internal.nativeaccess;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.libvirt.lab.OtherJvm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a program needs to read what passes an interface. */
@Timeout(60)
class PacketSocketIT {
    @Test
    void open_withNoRightOverTheNetworkButToCapture_isPermitted() throws Exception {
        assertThat(withoutRights("-net_admin")).isEqualTo("permitted, open");
    }

    @Test
    void open_withoutTheRightToCapture_isRefused() throws Exception {
        assertThat(withoutRights("-net_raw")).isEqualTo("not permitted, Operation not permitted");
    }

    private static String withoutRights(String capabilities) throws IOException, InterruptedException {
        Process program = OtherJvm.start(
                List.of("setpriv", "--bounding-set=" + capabilities, "--inh-caps=" + capabilities), Opening.class);
        String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(program.waitFor()).isZero();
        return said.strip();
    }

    /** Opens one and says how that went. */
    static final class Opening {
        private Opening() {}

        /** No arguments. */
        public static void main(String[] args) {
            String permitted = PacketSocket.permitted() ? "permitted, " : "not permitted, ";
            try (PacketSocket socket = PacketSocket.open("lo")) {
                System.out.println(permitted + "open" + (socket.takeLost() == 0 ? "" : " with losses"));
            } catch (IOException e) {
                System.out.println(permitted + String.valueOf(e.getMessage()).replaceFirst("\\[.*?] ", ""));
            }
        }
    }
}
