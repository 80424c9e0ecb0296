package dev.agentvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.network.Verdict.Outcome;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the default policy promises, written out. */
class AgentDefaultPolicyTest {
    /** The default network's first VM, on a host that has a private and a public address beside the gateway's. */
    private static final NetworkAttachment VM = NetworkAttachment.example().toBuilder()
            .addHostAddress(IPv4Address.of("10.0.5.1"))
            .addHostAddress(IPv4Address.of("185.1.2.3"))
            .build();

    @ParameterizedTest(name = "{0} {1} {2} → {3}: {4}")
    @CsvSource(delimiter = '|', textBlock = """
            # what   | where            | port  | outcome | decided by
            tcp      | github.com       | 22    | ALLOWED | SSH, and git over it
            tcp      | github.com       | 80    | ALLOWED | HTTP: package mirrors, redirects to HTTPS
            tcp      | github.com       | 443   | ALLOWED | HTTPS: clones, package registries, APIs
            tcp      | github.com       | 9418  | ALLOWED | the git protocol
            tcp      | 140.82.112.3     | 443   | ALLOWED | HTTPS: clones, package registries, APIs
            ping     | github.com       |       | ALLOWED | to tell a dead network from a slow one
            ping     | 9.9.9.9          |       | ALLOWED | to tell a dead network from a slow one
            udp      | 192.168.101.1    | 53    | ALLOWED | the VM asks the network's resolver
            tcp      | 192.168.101.1    | 53    | ALLOWED | the VM asks the network's resolver

            # Other ports of the Internet: tcp is refused at once, udp vanishes.
            tcp      | github.com       | 0     | REFUSED | no rule allows it
            tcp      | github.com       | 21    | REFUSED | no rule allows it
            tcp      | github.com       | 23    | REFUSED | no rule allows it
            tcp      | github.com       | 25    | REFUSED | no rule allows it
            tcp      | github.com       | 79    | REFUSED | no rule allows it
            tcp      | github.com       | 81    | REFUSED | no rule allows it
            tcp      | github.com       | 442   | REFUSED | no rule allows it
            tcp      | github.com       | 444   | REFUSED | no rule allows it
            tcp      | github.com       | 853   | REFUSED | no rule allows it
            tcp      | github.com       | 3389  | REFUSED | no rule allows it
            tcp      | github.com       | 8080  | REFUSED | no rule allows it
            tcp      | github.com       | 65535 | REFUSED | no rule allows it
            tcp      | 8.8.8.8          | 53    | REFUSED | no rule allows it
            udp      | 8.8.8.8          | 53    | DROPPED | no rule allows it
            udp      | github.com       | 22    | DROPPED | no rule allows it
            udp      | github.com       | 80    | DROPPED | no rule allows it
            udp      | github.com       | 123   | DROPPED | no rule allows it
            udp      | github.com       | 443   | DROPPED | no rule allows it
            udp      | github.com       | 9418  | DROPPED | no rule allows it

            # The host, by each of its addresses.
            tcp      | 192.168.101.1    | 22    | DROPPED | HOST
            tcp      | 192.168.101.1    | 443   | DROPPED | HOST
            udp      | 192.168.101.1    | 123   | DROPPED | HOST
            udp      | 192.168.101.1    | 67    | DROPPED | HOST
            ping     | 192.168.101.1    |       | DROPPED | HOST
            tcp      | 10.0.5.1         | 443   | DROPPED | HOST
            udp      | 10.0.5.1         | 53    | DROPPED | HOST
            ping     | 10.0.5.1         |       | DROPPED | HOST
            tcp      | 185.1.2.3        | 443   | DROPPED | HOST
            ping     | 185.1.2.3        |       | DROPPED | HOST
            tcp      | 185.1.2.4        | 443   | ALLOWED | HTTPS: clones, package registries, APIs

            # Other VMs.
            tcp      | 192.168.101.11   | 22    | DROPPED | OTHER_VM
            tcp      | 192.168.101.11   | 443   | DROPPED | OTHER_VM
            udp      | 192.168.101.11   | 53    | DROPPED | OTHER_VM
            ping     | 192.168.101.11   |       | DROPPED | OTHER_VM
            ping     | 192.168.101.255  |       | DROPPED | OTHER_VM

            # Private networks, cloud metadata, everything that is not the Internet.
            tcp      | 10.0.0.1         | 443   | DROPPED | PRIVATE
            tcp      | 10.255.255.255   | 80    | DROPPED | PRIVATE
            tcp      | 172.16.0.1       | 443   | DROPPED | PRIVATE
            tcp      | 172.31.255.255   | 443   | DROPPED | PRIVATE
            tcp      | 192.168.1.1      | 80    | DROPPED | PRIVATE
            tcp      | 192.168.102.1    | 443   | DROPPED | PRIVATE
            ping     | 192.168.1.1      |       | DROPPED | PRIVATE
            tcp      | 100.100.100.200  | 80    | DROPPED | SHARED
            tcp      | 169.254.169.254  | 80    | DROPPED | LINK_LOCAL
            tcp      | 169.254.169.253  | 443   | DROPPED | LINK_LOCAL
            udp      | 169.254.169.254  | 53    | DROPPED | LINK_LOCAL
            tcp      | 127.0.0.1        | 80    | DROPPED | LOCAL
            tcp      | 0.0.0.0          | 80    | DROPPED | LOCAL
            tcp      | 192.0.0.192      | 80    | DROPPED | SPECIAL
            tcp      | 198.18.0.1       | 443   | DROPPED | SPECIAL
            tcp      | 203.0.113.1      | 443   | DROPPED | SPECIAL
            udp      | 224.0.0.251      | 5353  | DROPPED | MULTICAST_RESERVED
            udp      | 239.255.255.250  | 1900  | DROPPED | MULTICAST_RESERVED
            udp      | 255.255.255.255  | 67    | DROPPED | MULTICAST_RESERVED
            tcp      | 240.0.0.1        | 443   | DROPPED | MULTICAST_RESERVED

            # The neighbours of closed ranges are the Internet.
            tcp      | 9.255.255.255    | 443   | ALLOWED | HTTPS: clones, package registries, APIs
            tcp      | 11.0.0.0         | 443   | ALLOWED | HTTPS: clones, package registries, APIs
            tcp      | 172.32.0.0       | 443   | ALLOWED | HTTPS: clones, package registries, APIs
            tcp      | 223.255.255.255  | 443   | ALLOWED | HTTPS: clones, package registries, APIs

            # Nobody starts a connection to the VM; the gateway may ping it.
            tcp in   | 140.82.112.3     | 22    | DROPPED | INBOUND
            tcp in   | 192.168.101.1    | 22    | DROPPED | INBOUND
            tcp in   | 192.168.101.11   | 22    | DROPPED | INBOUND
            tcp in   | 10.0.5.1         | 443   | DROPPED | INBOUND
            udp in   | 140.82.112.3     | 53    | DROPPED | INBOUND
            udp in   | 192.168.101.1    | 123   | DROPPED | INBOUND
            ping in  | 140.82.112.3     |       | DROPPED | INBOUND
            ping in  | 192.168.101.11   |       | DROPPED | INBOUND
            ping in  | 10.0.5.1         |       | DROPPED | INBOUND
            ping in  | 192.168.101.1    |       | ALLOWED | the gateway may ping the VM
            """)
    void agentDefault_flow_meetsItsFate(String what, String where, Integer port, Outcome outcome, String decidedBy) {
        Verdict verdict = NetworkPolicy.agentDefault().evaluate(flow(what, where, port == null ? 0 : port), VM);
        assertThat(verdict.outcome()).isEqualTo(outcome);
        assertThat(verdict.clause().map(FloorClause::name).orElse(verdict.reason()))
                .isEqualTo(decidedBy);
    }

    private static Flow flow(String what, String where, int port) {
        return switch (what) {
            case "tcp" -> Flow.tcp(where, port);
            case "udp" -> Flow.udp(where, port);
            case "ping" -> Flow.ping(where);
            case "tcp in" -> Flow.tcpToVM(where, port);
            case "udp in" -> Flow.udpToVM(where, port);
            case "ping in" -> Flow.pingToVM(where);
            default -> throw new IllegalArgumentException(what);
        };
    }
}
