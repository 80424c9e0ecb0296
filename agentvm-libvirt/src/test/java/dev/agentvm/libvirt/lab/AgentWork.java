package dev.agentvm.libvirt.lab;

import dev.agentvm.Command;
import dev.agentvm.VM;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.awaitility.Awaitility;

/** What coding agents do all day on the Debian guest, step by step, at a pace and with sizes that a seed decides. */
final class AgentWork {
    private static final Map<String, String> ENVIRONMENT = Map.ofEntries(
            Map.entry("deb", "https://" + Lab.fact("DEB_NAME")),
            Map.entry("npm", "https://" + Lab.fact("NPM_NAME")),
            Map.entry("npm_config_registry", "https://" + Lab.fact("NPM_NAME")),
            Map.entry("npm_config_update_notifier", "false"),
            Map.entry("PIP_INDEX_URL", "https://" + Lab.fact("PYPI_NAME") + "/simple"),
            Map.entry("repository", Lab.fact("GIT_NAME") + "/" + Lab.fact("GIT_REPOSITORY")),
            Map.entry("www", Lab.fact("WWW_NAME")),
            Map.entry("www_address", Lab.fact("WWW_ADDRESS")),
            Map.entry("files", Lab.fact("FILES_NAME")),
            Map.entry("api", "https://" + Lab.fact("API_NAME")),
            Map.entry("metadata", Lab.fact("METADATA_ADDRESS")),
            Map.entry("token", Lab.fact("TOKEN")));

    private static final String FUNCTIONS = """
            set -e
            cd
            # Its state is a file: RANDOM goes by no seed in subshells.
            dice=$(mktemp)
            echo $seed >$dice
            between() {
              local last
              read -r last <$dice
              echo $(((last * 1103515245 + 12345) % 2147483648)) | tee $dice |
                awk -v low=$1 -v high=$2 '{ print low + int($1 / 2147483648 * (high - low + 1)) }'
            }
            think() { sleep $(between $1 $2); }
            fetch() { curl --silent --show-error --fail --output /dev/null "$@"; }
            """;

    private static final Step SET_UP = new Step("set-up", 0, "root", """
            curl --silent --show-error --fail --output /etc/apt/keyrings/lab.asc $deb/archive-key.asc
            echo "deb [signed-by=/etc/apt/keyrings/lab.asc] $deb stable main" >/etc/apt/sources.list
            cd ~agent
            cat >.gitconfig <<'END'
            [user]
              name = agent
              email = agent@example.com
            [credential]
              helper = "!f() { echo username=agent; echo password=$token; }; f"
            [core]
              sshCommand = ssh -i ~/.ssh/id -o StrictHostKeyChecking=yes
            END
            """);

    private static final List<Step> STEPS = List.of(
            new Step("clone", 3, "agent", """
                    url=(git://$repository https://$repository ssh://git@$repository)
                    url=${url[$(between 0 2)]}
                    rm -rf work
                    git clone --quiet $url work
                    cd work
                    think 3 15
                    git commit --quiet --allow-empty --message "Work"
                    [[ $url == git://* ]] || git push --quiet origin HEAD:agent-$seed"""),
            new Step("apt", 2, "root", """
                    apt-get --quiet update
                    apt-get --quiet --yes install --reinstall greeting"""),
            new Step("pip", 2, "agent", """
                    pip install --user --break-system-packages --no-cache-dir --force-reinstall greeting"""),
            new Step("npm", 2, "agent", """
                    rm -rf site .npm
                    mkdir site
                    cd site
                    npm install greeting"""),
            new Step("dependencies", 2, "agent", """
                    export -f fetch
                    seq $(between 60 160) | xargs -P $(between 2 8) -I '{}' bash -c 'fetch "$npm/greeting?{}"'"""),
            new Step("api", 6, "agent", """
                    for ((turn = $(between 5 15); turn > 0; turn--)); do
                      size=$(between 1000 60000)
                      printf '{"prompt": "%s"}' $(head -c $size /dev/zero | tr '\\0' x) >prompt
                      fetch --header "Authorization: Bearer $token" --json @prompt $api/v1/messages
                      think 2 15
                    done"""),
            new Step("build", 2, "agent", """
                    until=$((SECONDS + $(between 60 240)))
                    while ((SECONDS < until)); do
                      echo "#include <map>
                    #include <string>
                    std::map<std::string, int> f$SECONDS(std::string s) { return {{s, $SECONDS}}; }" >unit.cc
                      g++ -O2 -c unit.cc
                    done"""),
            new Step("release", 1, "agent", """
                    head -c $(between 20 120)M /dev/urandom >release.tar.gz
                    sha256sum release.tar.gz
                    fetch --upload-file release.tar.gz --max-time 400 https://$files/release.tar.gz
                    rm release.tar.gz"""),
            new Step("read", 2, "agent", """
                    for ((page = $(between 8 30); page > 0; page--)); do
                      fetch https://$www/page$page
                      think 1 6
                    done"""),
            new Step("wait-for-build", 1, "agent", """
                    for ((poll = $(between 8 14); poll > 0; poll--)); do
                      fetch --header "Authorization: Bearer $token" --json '{}' $api/builds
                      sleep 10
                    done"""),
            new Step("mistakes", 2, "agent", """
                    for name in registry.internal build-cache redis.local typo.example.com; do
                      ! curl --silent --max-time 4 --output /dev/null http://$name/
                    done
                    ! curl --silent --max-time 2 --output /dev/null http://$metadata/latest/meta-data/
                    for ((attempt = $(between 5 25); attempt > 0; attempt--)); do
                      probe tcp $www_address 5432 1000 || true
                      sleep 1
                    done"""),
            new Step("download", 1, "agent", "fetch --max-time 400 https://$files/bytes/$(between 20000000 150000000)"),
            new Step("edit", 3, "agent", """
                    think 5 30
                    python3 -c 'print(sum(i * i for i in range(3000000)))'
                    think 5 20"""));

    private AgentWork() {}

    /**
     * A step.
     *
     * @param weight how often it is taken
     * @param script for bash, which starts where the user is at home
     */
    record Step(String name, int weight, String user, String script) {
        Command command(long seed) {
            Map<String, String> environment = new HashMap<>(ENVIRONMENT);
            environment.put("seed", Long.toString(Math.floorMod(seed, 1L << 31)));
            return Command.of("bash", "-c", FUNCTIONS + script)
                    .withUser(user)
                    .withEnvironment(environment)
                    .withTimeout(Duration.ofMinutes(12));
        }
    }

    /** Makes a guest ready for the steps. */
    static void setUp(VM vm) {
        Awaitility.await().ignoreExceptions().atMost(Duration.ofMinutes(5)).untilAsserted(() -> Lab.awaitNetwork(vm));
        put(vm, "id", "AGENTVM_LAB_SSH_KEY");
        put(vm, "known_hosts", "AGENTVM_LAB_SSH_KNOWN_HOSTS");
        Lab.output(vm, SET_UP.command(1));
    }

    static Step next(Random random) {
        int ticket = random.nextInt(STEPS.stream().mapToInt(Step::weight).sum());
        for (Step step : STEPS) {
            ticket -= step.weight();
            if (ticket < 0) {
                return step;
            }
        }
        throw new AssertionError("the weights' sum is their sum");
    }

    private static void put(VM vm, String name, String variable) {
        try {
            Lab.output(
                    vm,
                    Command.shell("umask 077; mkdir -p ~/.ssh; cat >~/.ssh/" + name)
                            .withUser("agent")
                            .withStdin(Files.readAllBytes(Path.of(Lab.environment(variable)))));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
