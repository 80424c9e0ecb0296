package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.Command;
import dev.agentvm.VM;
import dev.agentvm.event.VMEvent;
import dev.agentvm.libvirt.lab.HostileFrames.Card;
import dev.agentvm.libvirt.lab.HostileFrames.Shot;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.NetworkPolicy;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** What a hostile guest tries, and what others try with it. */
final class Probes implements AutoCloseable {
    /** A port that guests listen on. */
    static final int GUEST_PORT = 2222;

    /** A link-local and a global prefix of the VMs' network; the host is number 1 in both. */
    static final List<String> IPV6 = List.of("fe80::", "2a00:1450:4001::");

    private static final String WWW = Lab.fact("WWW_ADDRESS");
    private static final String PRIVATE = Lab.fact("REBIND_ADDRESS");
    private static final String NAME = Lab.fact("WWW_NAME");
    private static final int DNS = 53;
    private static final int VM_PORT = 9998;
    /** The ICMP type "destination unreachable". */
    private static final int UNREACHABLE = 3;

    private static final int SECONDS = 2;
    private static final int SECONDS_OF_TRY = 5;
    private static final int TRIES = 5;
    private static final Duration SOON = Duration.ofSeconds(30);
    /** Marks what is tried while the host's own rules are in force, if there is a filter. */
    private static final String LIBVIRTS_FORWARD = " *";

    private static final String DNS_FRAME = "a DNS query in a frame of its own";
    private static final String HTTP_FRAME = "tcp 80 in a frame of its own";

    private final ProbeSite site;
    private final VM own;
    private final VM peer;
    private final VM elsewhere;
    private final VM unfiltered;
    private final int number;
    private final ProbeTable table;
    private final Capture atOwn;
    private final List<Capture> near = new ArrayList<>();
    private final Capture beyond;
    private final ToldAttempts told;
    private final ToldAttempts toldOfPeer;

    /** What a program said last, and how often it tried. */
    private record Said(String last, int tries) {
        boolean passed() {
            return last.startsWith("open") || last.startsWith("reply") || last.contains(WWW);
        }
    }

    /**
     * Two VMs that can be probed; each listens, and has addresses of IPv6.
     *
     * @param elsewhere a VM of another network
     * @param unfiltered another VM of theirs, which nothing holds back
     * @param number the number of the first in {@link #IPV6}; the second has the next
     * @param events what listeners are told
     */
    Probes(
            ProbeSite site,
            VM own,
            VM peer,
            VM elsewhere,
            VM unfiltered,
            int number,
            ProbeTable table,
            List<VMEvent> events)
            throws IOException {
        this.site = site;
        this.own = own;
        this.peer = peer;
        this.elsewhere = elsewhere;
        this.unfiltered = unfiltered;
        this.number = number;
        this.table = table;
        addIPv6(own, number);
        addIPv6(peer, number + 1);
        atOwn = new Capture(Lab.tap(own));
        beyond = new Capture(site.beyond());
        Capture atPeer = new Capture(Lab.tap(peer));
        near.add(atPeer);
        told = new ToldAttempts(own, atOwn, events);
        toldOfPeer = new ToldAttempts(peer, atPeer, events);
        for (String name : site.near()) {
            near.add(new Capture(name));
        }
    }

    /** Makes the host's own rules stop nothing; those by which filters of VMs work stand before. */
    static void forwardAll() {
        Lab.host("iptables", "-I", "FORWARD", "4", "-j", "ACCEPT");
    }

    /** Lets a guest answer all connections to {@link #GUEST_PORT} and 443. */
    static void listen(VM vm) {
        for (String port : List.of(Integer.toString(GUEST_PORT), "443")) {
            Lab.output(vm, Command.shell("(nc -ll -p " + port + " -e echo guest >/dev/null 2>&1 &)"));
            Awaitility.await()
                    .atMost(SOON)
                    .until(() -> Lab.probe(vm, "tcp", "127.0.0.1", port).startsWith("open guest"));
        }
    }

    /** Gives a guest addresses beside those of the host, in use at once. */
    private static void addIPv6(VM vm, int number) {
        StringBuilder script = new StringBuilder("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad");
        for (String prefix : IPV6) {
            script.append(" && ip -6 addr add ").append(prefix).append(number).append("/64 dev eth0");
        }
        Lab.output(vm, Command.shell(script.toString()));
    }

    /** Runs all probes from and to the first VM. */
    void run(ProbeColumn column) throws IOException {
        table.started(column);
        told.begin();
        toldOfPeer.begin();
        forget();
        outward(own, column);
        frames(column);
        forget();
        fromVMs(column);
        datagramsFromVMs(column);
        fromOutsiders(column);
        framesToVM(column);
    }

    /** Compares what listeners were told with what the two VMs tried in this run, and with what reached them. */
    void compareTold(ProbeColumn column, NetworkPolicy policy) throws IOException {
        table.told(column, own.name(), told.differences(policy));
        table.told(column, peer.name(), toldOfPeer.differences(policy));
    }

    /** Runs the probes from a VM that has no network card, with the addresses of the one that has. */
    void runWithoutCard(VM isolated, ProbeColumn column) {
        table.started(column);
        outward(isolated, column);
        for (Shot shot : Stream.concat(hostile(column), harmless()).toList()) {
            Said said = said(isolated, List.of(sending(shot))).get(0);
            note(shot, column, said.last().startsWith("sent"));
        }
    }

    /** Without a filter lies about addresses are believed. */
    private void forget() {
        Lab.host("ip", "neigh", "flush", "all");
        site.outsiders().forEach(outsider -> outsider.run("ip neigh flush all"));
        for (VM vm : List.of(own, peer)) {
            Lab.output(vm, Command.of("ip", "neigh", "flush", "dev", "eth0"));
        }
    }

    /** What a guest's own programs can do. All at once, since what is dropped is waited for. */
    private void outward(VM vm, ProbeColumn column) {
        Map<String, String> may = new LinkedHashMap<>();
        may.put("HTTP to the Internet", "tcp " + WWW + " 80");
        may.put("HTTPS to the Internet", "tcp " + WWW + " 443");
        may.put("SSH to the Internet", "tcp " + Lab.fact("GIT_ADDRESS") + " 22");
        may.put("git to the Internet", "tcp " + Lab.fact("GIT_ADDRESS") + " 9418");
        may.put("ping to the Internet", "ping " + WWW);
        may.put("DNS at the resolver, udp", "dns " + site.resolver() + " " + NAME + " udp");
        may.put("DNS at the resolver, tcp", "dns " + site.resolver() + " " + NAME + " tcp");
        Map<String, String> mayNot = new LinkedHashMap<>();
        mayNot.put("tcp 8080 to the Internet", "tcp " + WWW + " 8080");
        mayNot.put("udp 8080 to the Internet", "udp " + WWW + " 8080 hello");
        mayNot.put("DNS elsewhere, udp", "dns 8.8.8.8 " + NAME + " udp");
        mayNot.put("DNS elsewhere, tcp", "dns 8.8.8.8 " + NAME + " tcp");
        for (String address : Lab.facts("PRIVATE_ADDRESSES")) {
            mayNot.put("tcp 443 to " + address, "tcp " + address + " 443");
        }
        mayNot.put("cloud metadata", "tcp " + Lab.fact("METADATA_ADDRESS") + " 80");
        mayNot.put("udp to a private network", "udp " + PRIVATE + " 8080 hello");
        mayNot.put("ping to a private network", "ping " + PRIVATE);
        mayNot.put("tcp to the host, at its outside address", "tcp " + Lab.fact("LAB_OUTSIDE_ADDRESS") + " 443");
        mayNot.putAll(site.closed());
        for (String prefix : IPV6) {
            String host = prefix + 1 + Outsider.zone(prefix, "eth0");
            mayNot.put("IPv6, tcp to the host, in " + prefix, "tcp " + host + " 443");
            mayNot.put("IPv6, ping to the host, in " + prefix, "ping " + host);
            String other = prefix + (number + 1) + Outsider.zone(prefix, "eth0");
            mayNot.put("IPv6, tcp to another VM, in " + prefix, "tcp " + other + " 443");
            mayNot.put("IPv6, ping to another VM, in " + prefix, "ping " + other);
        }
        mayNot.put("tcp to another VM", "tcp " + address(peer) + " 443");
        mayNot.put("ping to another VM", "ping " + address(peer));
        mayNot.put("tcp to a VM of another network", "tcp " + address(elsewhere) + " 443");
        mayNot.put("ping to a VM of another network", "ping " + address(elsewhere));

        String cut = "a ping in fragments to the Internet";
        boolean card = column.card() != ProbeColumn.Card.NONE;
        List<String> commands = new ArrayList<>();
        may.values().forEach(probe -> commands.add(probe(probe, card)));
        String ping = "{ ping -s 4000 -c 1 -W " + SECONDS + " " + WWW
                + " | grep -q '1 packets received' || { echo timeout; false; }; }";
        commands.add((card ? again(ping) : ping) + " && echo reply");
        mayNot.values().forEach(probe -> commands.add(probe(probe, mustPass(column))));
        List<Said> said = said(vm, commands);
        int line = 0;
        for (Map.Entry<String, String> probe : may.entrySet()) {
            tried(probe.getValue(), said.get(line));
            table.allowed(probe.getKey(), column, said.get(line++).passed());
        }
        tried("ping " + WWW, said.get(line));
        table.allowed(cut, column, said.get(line++).passed());
        for (Map.Entry<String, String> probe : mayNot.entrySet()) {
            tried(probe.getValue(), said.get(line));
            table.denied(probe.getKey(), column, said.get(line++).passed());
        }
    }

    private void tried(String probe, Said said) {
        flow(probe).ifPresent(flow -> told.tried(flow, said.tries()));
    }

    /** What a probe tries; empty if it does so by IPv6. */
    private static Optional<Flow> flow(String probe) {
        String[] words = probe.split(" ");
        String address = words[1];
        if (address.contains(":")) {
            return Optional.empty();
        }
        return Optional.of(
                switch (words[0]) {
                    case "tcp" -> Flow.tcp(address, Integer.parseInt(words[2]));
                    case "udp" -> Flow.udp(address, Integer.parseInt(words[2]));
                    case "dns" -> probe.endsWith("tcp") ? Flow.tcp(address, DNS) : Flow.udp(address, DNS);
                    default -> Flow.ping(address);
                });
    }

    private static String probe(String what, boolean mustPass) {
        int seconds = mustPass ? SECONDS_OF_TRY : SECONDS;
        String probe = "probe " + what + " " + TimeUnit.SECONDS.toMillis(seconds);
        return mustPass ? again(probe) : probe;
    }

    /** What must pass does so at once, but for a machine so busy that its neighbours give up. */
    private static String again(String command) {
        return "n=1; until " + command + "; do n=$((n + 1)); [ $n -le " + TRIES + " ] || break; done; [ $n -le " + TRIES
                + " ]";
    }

    private static boolean mustPass(ProbeColumn column) {
        return column.card() == ProbeColumn.Card.UNFILTERED;
    }

    /** What each of some commands in a guest says, a line for each try; they run at the same time. */
    private static List<Said> said(VM vm, List<String> commands) {
        StringBuilder script = new StringBuilder("cd $(mktemp -d)\n");
        int i = 0;
        for (String command : commands) {
            script.append("{ ").append(command).append("; } >").append(i++).append(" 2>&1 &\n");
        }
        script.append("wait; i=0; while [ $i -lt ").append(i);
        script.append(" ]; do echo $(wc -l <$i) \"$(tail -n 1 $i)\"; i=$((i + 1)); done");
        List<Said> said = Lab.output(vm, Command.shell(script.toString()))
                .lines()
                .map(line -> line.split(" ", 2))
                .map(words -> new Said(words[1], Integer.parseInt(words[0])))
                .toList();
        assertThat(said).hasSameSizeAs(commands);
        return said;
    }

    private Stream<Shot> hostile(ProbeColumn column) {
        return HostileFrames.fromVM(site, card(own), card(peer), address(elsewhere), !column.gathersFragments())
                .stream();
    }

    /** What may pass, made the same way. */
    private Stream<Shot> harmless() {
        String dns = HostileFrames.word();
        String http = HostileFrames.word();
        return Stream.of(
                new Shot(DNS_FRAME, dns, List.of(toRouter(Frames.udp(address(own), site.resolver(), 53, dns)))),
                new Shot(HTTP_FRAME, http, List.of(toRouter(Frames.segment(address(own), site.www(), 80, http)))));
    }

    private byte[] toRouter(byte[] packet) {
        return Frames.ethernet(site.routerMac().toString(), card(own).mac(), Frames.IPV4, packet);
    }

    /** What a guest's kernel would never send. */
    private void frames(ProbeColumn column) throws IOException {
        List<Shot> shots = Stream.concat(hostile(column), harmless()).toList();
        String script = shots.stream().map(Probes::sending).collect(Collectors.joining(" && "));
        long before = System.nanoTime();
        Lab.output(own, Command.shell("{ " + script + "; } >/dev/null"));
        told.sent(shots, before, System.nanoTime());
        answersToWhatIsNotSeen(shots);
        awaitCaptured();
        // What was sent last goes beyond, so what was sent before it would have.
        String last = shots.get(shots.size() - 1).word();
        Awaitility.await().atMost(SOON).until(() -> beyond.saw(last));
        for (Shot shot : shots) {
            note(shot, column, passed(shot));
        }
    }

    /** A segment in the middle of a connection is not seen, but an answer to it is: a reset, or that it was refused. */
    private void answersToWhatIsNotSeen(List<Shot> shots) {
        Shot http = shots.get(shots.size() - 1);
        int port =
                Frames.flow(http.frames().get(0), card(own).mac()).sourcePort().orElseThrow();
        told.tried(Flow.tcpToVM(site.www().toString(), port).withSourcePort(80), 1);
        told.tried(Flow.pingToVM(host()).withIcmpType(UNREACHABLE), 1);
    }

    /** The host's address on the VMs' network. */
    private String host() {
        return site.outsiders().get(0).address();
    }

    /** What layer 3 is to judge comes near; what else is denied never leaves the VM's port of the bridge. */
    private boolean passed(Shot shot) throws IOException {
        if (!shot.name().startsWith("tcp") && !shot.name().startsWith(HostileFrames.OTHER_ICMP)) {
            for (Capture capture : near) {
                if (capture.saw(shot.word())) {
                    return true;
                }
            }
        }
        return beyond.saw(shot.word());
    }

    private void note(Shot shot, ProbeColumn column, boolean passed) {
        if (shot.name().equals(DNS_FRAME) || shot.name().equals(HTTP_FRAME)) {
            table.allowed(shot.name(), column, passed);
        } else if (shot.name().startsWith(HostileFrames.OTHER_ICMP)) {
            table.deniedByRefusing(shot.name(), column, passed);
        } else {
            table.denied(shot.name(), column, passed);
        }
    }

    private static String sending(Shot shot) {
        return shot.frames().stream()
                .map(frame -> "probe frame eth0 " + HexFormat.of().formatHex(frame))
                .collect(Collectors.joining(" && "));
    }

    /** What other VMs can do to the guest. */
    private void fromVMs(ProbeColumn column) {
        List<String> attempts = new ArrayList<>();
        attempts.add(probe("tcp " + address(own) + " " + GUEST_PORT, mustPass(column)));
        attempts.add(probe("ping " + address(own), mustPass(column)));
        List<String> names = new ArrayList<>(List.of("tcp from another VM", "ping from another VM"));
        List<String> more = new ArrayList<>(attempts);
        for (String prefix : IPV6) {
            String there = prefix + number + Outsider.zone(prefix, "eth0");
            more.add(probe("tcp " + there + " " + GUEST_PORT, mustPass(column)));
            more.add(probe("ping " + there, mustPass(column)));
            names.add("IPv6, tcp from another VM, in " + prefix);
            names.add("IPv6, ping from another VM, in " + prefix);
        }
        toldOfPeer.tried(Flow.tcp(address(own).toString(), GUEST_PORT), 1);
        toldOfPeer.tried(Flow.ping(address(own).toString()), 1);
        for (String other : otherVMs()) {
            told.tried(Flow.tcpToVM(other, GUEST_PORT), 1);
            told.tried(Flow.pingToVM(other), 1);
        }
        CompletableFuture<List<Said>> fromElsewhere = CompletableFuture.supplyAsync(() -> said(elsewhere, attempts));
        CompletableFuture<List<Said>> fromUnfiltered = CompletableFuture.supplyAsync(() -> said(unfiltered, attempts));
        List<Said> said = said(peer, more);
        for (int i = 0; i < said.size(); i++) {
            table.denied(names.get(i), column, said.get(i).passed());
        }
        said = fromElsewhere.join();
        table.denied("tcp from a VM of another network", column, said.get(0).passed());
        table.denied("ping from a VM of another network", column, said.get(1).passed());
        said = fromUnfiltered.join();
        table.denied("tcp from a VM without a filter", column, said.get(0).passed());
        table.denied("ping from a VM without a filter", column, said.get(1).passed());
    }

    /** Behind the address translation of its own network the VM of the other is the host. */
    private Set<String> otherVMs() {
        return Set.copyOf(
                List.of(address(peer).toString(), host(), address(unfiltered).toString()));
    }

    /** Datagrams of other VMs. Where the peer has a filter it is that which holds them back. */
    private void datagramsFromVMs(ProbeColumn column) throws IOException {
        Map<String, VM> senders = new LinkedHashMap<>();
        senders.put("udp from another VM", peer);
        senders.put("udp from a VM of another network", elsewhere);
        senders.put("udp from a VM without a filter", unfiltered);
        toldOfPeer.tried(Flow.udp(address(own).toString(), VM_PORT), 1);
        otherVMs().forEach(other -> told.tried(Flow.udpToVM(other, VM_PORT), 1));
        Map<String, String> words = new LinkedHashMap<>();
        senders.forEach((name, vm) -> {
            String word = HostileFrames.word();
            words.put(name, word);
            Lab.probe(vm, "udp", address(own).toString(), Integer.toString(VM_PORT), word, "1");
        });
        awaitCaptured();
        for (Map.Entry<String, String> sent : words.entrySet()) {
            table.denied(sent.getKey(), column, atOwn.saw(sent.getValue()));
        }
    }

    /** What the host and others can do to the guest. */
    private void fromOutsiders(ProbeColumn column) throws IOException {
        Map<String, String> attempts = new LinkedHashMap<>();
        for (Outsider outsider : site.outsiders()) {
            String name = "tcp from " + outsider.name();
            attempts.put(name, outsider.command(tcp("TCP4:" + address(own), ",bind=" + outsider.address())));
            told.tried(Flow.tcpToVM(outsider.address(), GUEST_PORT), 1);
        }
        Outsider neighbour = site.neighbour();
        for (String prefix : IPV6) {
            String there = prefix + number + Outsider.zone(prefix, site.neighbourCard());
            String from = " from " + neighbour.name() + ", in " + prefix;
            attempts.put("IPv6, tcp" + from, neighbour.command(tcp("TCP6:[" + there + "]", "")));
            attempts.put("IPv6, ping" + from, neighbour.command(ping(there)));
        }
        attempt(attempts, column);
        likeAnswers(column);
        datagrams(column);
    }

    /**
     * What looks like an answer to what the VM may ask. Only who knows the connections can tell: on the library's
     * network the rules of its NAT, which are in force here unless there is no filter either.
     */
    private void likeAnswers(ProbeColumn column) {
        Map<String, String> attempts = new LinkedHashMap<>();
        for (Outsider outsider : site.outsiders()) {
            String from = " from " + outsider.name();
            String address = outsider.address();
            attempts.put(
                    "ping" + from + LIBVIRTS_FORWARD, outsider.command(ping("-I " + address + " " + address(own))));
            told.tried(Flow.pingToVM(address), 1);
            if (outsider.anyPort()) {
                String port = ",bind=" + address + ":22,reuseaddr,linger=0";
                attempts.put(
                        "tcp" + from + ", its port 22" + LIBVIRTS_FORWARD,
                        outsider.command(tcp("TCP4:" + address(own), port)));
                told.tried(Flow.tcpToVM(address, GUEST_PORT).withSourcePort(22), 1);
            }
        }
        boolean filtered = column.card() == ProbeColumn.Card.FILTERED;
        if (filtered) {
            Lab.host("iptables", "-D", "FORWARD", "-j", "ACCEPT");
        }
        attempt(attempts, column);
        if (filtered) {
            forwardAll();
        }
    }

    /** Makes them all at once. */
    private void attempt(Map<String, String> attempts, ProbeColumn column) {
        StringBuilder script = new StringBuilder();
        int i = 0;
        for (String command : attempts.values()) {
            script.append("(")
                    .append(command)
                    .append(" >/dev/null 2>&1 && echo ")
                    .append(i++)
                    .append(") & ");
        }
        List<String> succeeded =
                Lab.host("sh", "-c", script.append("wait").toString()).lines().toList();
        int line = 0;
        for (String name : attempts.keySet()) {
            table.denied(name, column, succeeded.contains(Integer.toString(line++)));
        }
    }

    private void datagrams(ProbeColumn column) throws IOException {
        Map<String, String> words = new LinkedHashMap<>();
        StringBuilder script = new StringBuilder();
        for (Outsider outsider : site.outsiders()) {
            Map<String, String> sources = new LinkedHashMap<>();
            told.tried(Flow.udpToVM(outsider.address(), 9999), 1);
            sources.put("udp from " + outsider.name(), outsider.address());
            if (outsider.anyPort()) {
                sources.put("udp from " + outsider.name() + ", its port 53", outsider.address() + ":53,reuseaddr");
                told.tried(Flow.udpToVM(outsider.address(), 9999).withSourcePort(DNS), 1);
            }
            sources.forEach((name, source) -> {
                String word = HostileFrames.word();
                words.put(name, word);
                String socat = "socat -u - UDP4:" + address(own) + ":9999,bind=" + source;
                script.append("echo ")
                        .append(word)
                        .append(" | ")
                        .append(outsider.command(socat))
                        .append("; ");
            });
        }
        Lab.host("sh", "-c", script.toString());
        awaitCaptured();
        for (Map.Entry<String, String> sent : words.entrySet()) {
            table.denied(sent.getKey(), column, atOwn.saw(sent.getValue()));
        }
    }

    /** Ends with 0 if a connection comes about. */
    private static String tcp(String there, String options) {
        return "socat -u OPEN:/dev/null " + there + ":" + GUEST_PORT + ",connect-timeout=" + SECONDS + options;
    }

    /** Ends with 0 as soon as there is an answer. */
    private static String ping(String there) {
        return "ping -n -c 1 -w " + SECONDS + " " + there;
    }

    /** What a neighbour puts on the network for the guest. */
    private void framesToVM(ProbeColumn column) throws IOException {
        List<Shot> shots = HostileFrames.toVM(
                site, site.neighbour().mac(site.neighbourCard()), card(own), card(peer), !column.gathersFragments());
        site.neighbour()
                .send(
                        site.neighbourCard(),
                        shots.stream().flatMap(shot -> shot.frames().stream()).toList());
        awaitCaptured();
        for (Shot shot : shots) {
            table.denied(shot.name(), column, atOwn.saw(shot.word()));
        }
    }

    /** What both VMs say of themselves now is seen, so what passed those who listen near them before was seen too. */
    private void awaitCaptured() {
        String mark = HostileFrames.word();
        for (VM vm : List.of(own, peer)) {
            Lab.send(vm, Frames.arp(card(vm).mac(), address(vm), mark));
        }
        Awaitility.await().atMost(SOON).until(() -> atOwn.saw(mark));
        for (Capture capture : near) {
            Awaitility.await().atMost(SOON).until(() -> capture.saw(mark));
        }
    }

    private static IPv4Address address(VM vm) {
        return vm.attachment().orElseThrow().address();
    }

    private static Card card(VM vm) {
        return new Card(address(vm), vm.attachment().orElseThrow().mac());
    }

    @Override
    public void close() throws IOException {
        atOwn.close();
        beyond.close();
        for (Capture capture : near) {
            capture.close();
        }
    }
}
