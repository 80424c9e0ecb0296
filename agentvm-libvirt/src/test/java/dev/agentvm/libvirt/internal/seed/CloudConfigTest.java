package dev.agentvm.libvirt.internal.seed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.cloudinit.CloudInitFile;
import dev.agentvm.cloudinit.CloudInitUser;
import dev.agentvm.network.MacAddress;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CloudConfigTest {
    private static final UUID ID = UUID.fromString("7d4fbd8e-6c1b-4a5d-9d0e-1f2a3b4c5d6e");
    private static final CloudInit NOTHING = new CloudInit.Builder().build();

    private static String text(byte[] document) {
        return new String(document, StandardCharsets.UTF_8);
    }

    @Test
    void userData_nothingWanted_saysNothing() {
        assertThat(text(CloudConfig.userData(NOTHING))).isEqualTo("#cloud-config\n{}\n");
    }

    @Test
    void userData_users_areLockedUnlessTheyHaveAPassword() {
        CloudInit wanted = new CloudInit.Builder()
                .addUser(new CloudInitUser.Builder()
                        .name("agent")
                        .addSshKey("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZ5u3cZ \"me\"")
                        .sudo(true)
                        .build())
                .addUser(new CloudInitUser.Builder()
                        .name("guest")
                        .passwordHash("$6$c0ffee$hY2m1nJbQvxe3nZk9V1pX0")
                        .build())
                .build();

        assertThat(text(CloudConfig.userData(wanted)))
                .isEqualTo("#cloud-config\n{\"users\":["
                        + "{\"name\":\"agent\",\"ssh_authorized_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZ5u3cZ"
                        + " \\\"me\\\"\"],\"lock_passwd\":true,\"sudo\":\"ALL=(ALL) NOPASSWD:ALL\"},"
                        + "{\"name\":\"guest\",\"ssh_authorized_keys\":[],\"lock_passwd\":false,"
                        + "\"hashed_passwd\":\"$6$c0ffee$hY2m1nJbQvxe3nZk9V1pX0\"}]}\n");
    }

    @Test
    void userData_files_areOfAnyBytesAndWaitForTheirOwner() {
        CloudInitFile file = new CloudInitFile.Builder()
                .path("/a: b")
                .content((byte) 0, (byte) 0xff, (byte) '\n')
                .permissions("0600")
                .build();
        CloudInit wanted = new CloudInit.Builder()
                .addFile(file)
                .addFile(file.withPath("/c").withOwner("agent:agent"))
                .build();

        assertThat(text(CloudConfig.userData(wanted)))
                .isEqualTo("#cloud-config\n{\"write_files\":["
                        + "{\"path\":\"/a: b\",\"encoding\":\"b64\",\"content\":\"AP8K\",\"permissions\":\"0600\","
                        + "\"owner\":\"root:root\",\"defer\":false},"
                        + "{\"path\":\"/c\",\"encoding\":\"b64\",\"content\":\"AP8K\",\"permissions\":\"0600\","
                        + "\"owner\":\"agent:agent\",\"defer\":true}]}\n");
    }

    @Test
    void userData_packagesAndCommands_areQuotedAndEachAScriptOfItsOwn() {
        CloudInit wanted = new CloudInit.Builder()
                .addPackages("jq", "g++")
                .addCommands("echo \"a\\b\"\n\texit 1\n", "]}\n#: {ä😀")
                .build();

        assertThat(text(CloudConfig.userData(wanted)))
                .isEqualTo("#cloud-config\n{\"package_update\":true,\"packages\":[\"jq\",\"g++\"],\"runcmd\":["
                        + "[\"sh\",\"-c\",\"echo \\\"a\\\\b\\\"\\n\\texit 1\\n\"],"
                        + "[\"sh\",\"-c\",\"]}\\n#: {ä😀\"]]}\n");
    }

    @ParameterizedTest
    @CsvSource({"vm,vm", "My_VM.1,My-VM-1", "a..b__,a--b", "v-,v"})
    void metaData_noHostName_makesOneOfTheVMsName(String vm, String host) {
        assertThat(text(CloudConfig.metaData(ID, vm, NOTHING)))
                .isEqualTo("{\"instance-id\":\"" + ID + "\",\"local-hostname\":\"" + host + "\"}\n");
    }

    @Test
    void metaData_hostName_isTaken() {
        assertThat(text(CloudConfig.metaData(ID, "vm", NOTHING.withHostName("builder.example.com"))))
                .contains("\"local-hostname\":\"builder.example.com\"");
    }

    @Test
    void networkConfig_card_isFoundByItsAddress() {
        assertThat(text(CloudConfig.networkConfig(MacAddress.of("52:54:c0:a8:65:0a"))))
                .isEqualTo("{\"version\":2,\"ethernets\":{\"primary\":"
                        + "{\"match\":{\"macaddress\":\"52:54:c0:a8:65:0a\"},\"dhcp4\":true}}}\n");
    }
}
