package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.network.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What agents do all day, with the programs that they use, on the Debian guest under the default policy. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class AgentDayIT {
    private static final String REPOSITORY = Lab.fact("GIT_NAME") + "/" + Lab.fact("GIT_REPOSITORY");
    private static final Map<String, String> ENVIRONMENT = Map.ofEntries(
            Map.entry("deb", "https://" + Lab.fact("DEB_NAME")),
            Map.entry("npm_config_registry", "https://" + Lab.fact("NPM_NAME")),
            Map.entry("PIP_INDEX_URL", "https://" + Lab.fact("PYPI_NAME") + "/simple"),
            Map.entry("repository", REPOSITORY),
            Map.entry("api", "https://" + Lab.fact("API_NAME")),
            Map.entry("token", Lab.fact("TOKEN")));

    @Test
    void agent_packagesRepositoriesAndApis_worksUnderTheDefaultPolicy() throws IOException {
        VMTemplate template = new VMTemplate.Builder()
                .name("debian")
                .image(GuestImage.named("debian"))
                .build();
        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            Lab.awaitNetwork(vm);

            installsPackages(vm);
            clonesAndPushes(vm);
            callsAnApi(vm);

            assertThat(vm.connectionLog().attempts())
                    .filteredOn(attempt -> attempt.flow().etherType() == Frames.IPV4)
                    .isNotEmpty()
                    .allMatch(attempt ->
                            attempt.verdict().filter(Verdict::allowed).isPresent());
        }
        Leftovers.assertNone();
    }

    private static void installsPackages(VM vm) {
        String apt = run(vm, "root", """
                curl --silent --show-error --fail --output /etc/apt/keyrings/lab.asc $deb/archive-key.asc
                echo "deb [signed-by=/etc/apt/keyrings/lab.asc] $deb stable main" >/etc/apt/sources.list
                apt-get --quiet update
                apt-get --quiet --yes install greeting
                greeting""");
        assertThat(apt).endsWith("\nhello from apt");

        String npm = run(vm, "agent", """
                npm install greeting
                node_modules/.bin/greeting""");
        assertThat(npm).endsWith("\nhello from npm");

        String pip = run(vm, "agent", """
                pip install --user --break-system-packages greeting
                .local/bin/greeting""");
        assertThat(pip).endsWith("\nhello from pypi");
    }

    private static void clonesAndPushes(VM vm) throws IOException {
        put(vm, "id", "AGENTVM_LAB_SSH_KEY");
        put(vm, "known_hosts", "AGENTVM_LAB_SSH_KNOWN_HOSTS");
        // The token comes from the environment, so that it stands in no file.
        String commits = run(vm, "agent", """
                git config --global user.name agent
                git config --global user.email agent@example.com
                git config --global credential.helper '!f() { echo username=agent; echo password=$token; }; f'
                git config --global core.sshCommand 'ssh -i ~/.ssh/id -o StrictHostKeyChecking=yes'
                git clone --quiet git://$repository by-git
                for url in https://$repository ssh://git@$repository; do
                  scheme=${url%%:*}
                  git clone --quiet $url by-$scheme
                  cd by-$scheme
                  git commit --quiet --allow-empty --message "Work"
                  git push --quiet origin HEAD:by-$scheme
                  printf '%s\\trefs/heads/%s\\n' $(git rev-parse HEAD) by-$scheme
                  cd ..
                done""");
        assertThat(Lab.host("git", "ls-remote", "git://" + REPOSITORY, "by-*")).isEqualTo(commits);
        assertThat(commits).hasLineCount(2);
    }

    private static void callsAnApi(VM vm) {
        String answer = run(vm, "agent", """
                curl --silent --show-error --fail --header "Authorization: Bearer $token" \\
                  --json '{"prompt": "hello"}' $api/v1/messages""");
        assertThat(answer).isEqualTo("{\"path\": \"/v1/messages\", \"got\": {\"prompt\": \"hello\"}}");
    }

    /** What a script prints, which starts where that user is at home; it must succeed. */
    private static String run(VM vm, String user, String script) {
        return Lab.output(
                vm,
                Command.shell("set -e; cd\n" + script)
                        .withUser(user)
                        .withEnvironment(ENVIRONMENT)
                        .withTimeout(Duration.ofMinutes(4)));
    }

    private static void put(VM vm, String name, String variable) throws IOException {
        byte[] content = Files.readAllBytes(Path.of(Lab.environment(variable)));
        Lab.output(
                vm,
                Command.shell("umask 077; mkdir -p ~/.ssh; cat >~/.ssh/" + name)
                        .withUser("agent")
                        .withStdin(content));
    }
}
