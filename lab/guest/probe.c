/*
 * Tells, from inside a guest, what the network lets through. One line on stdout, exit code 0 only for
 * an open port, a reply, an address, or frames that were sent; 1 for every other outcome, 2 for wrong use.
 *
 *   probe tcp ADDR PORT [MS]          open [BANNER] | refused rst | refused icmp | timeout | error ERRNO
 *   probe udp ADDR PORT TEXT [MS]     reply [TEXT] | refused icmp | timeout | error ERRNO
 *   probe ping ADDR [MS]              reply | unreachable | timeout | error ERRNO
 *   probe dns SERVER NAME [udp|tcp] [MS]   ADDRESS... | NXDOMAIN | RCODE | refused icmp | timeout | error ERRNO
 *   probe frame IFACE HEX [COUNT]     sent COUNT | error ERRNO
 *
 * Addresses are literal IPv4 or IPv6. Banners and replies are printed with \xNN for what is not printable.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_MS = 2000, BANNER_MS = 300 };

struct target {
    struct sockaddr_storage address;
    socklen_t length;
};

static int usage(void) {
    fputs("usage: probe tcp ADDR PORT [MS] | udp ADDR PORT TEXT [MS] | ping ADDR [MS]\n"
          "       | dns SERVER NAME [udp|tcp] [MS] | frame IFACE HEX [COUNT]\n", stderr);
    exit(2);
}

static int outcome(const char *text, int code) {
    puts(text);
    return code;
}

static int failed(int error) {
    const char *name = strerrorname_np(error);
    printf("error %s\n", name ? name : "UNKNOWN");
    return 1;
}

static void print_escaped(const unsigned char *bytes, ssize_t length) {
    for (ssize_t i = 0; i < length; i++) {
        if (isprint(bytes[i]) && bytes[i] != '\\') {
            putchar(bytes[i]);
        } else {
            printf("\\x%02x", bytes[i]);
        }
    }
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, long until) {
    long left = until - now_ms();
    struct pollfd p = {.fd = fd, .events = events};
    return left > 0 ? poll(&p, 1, (int) left) : 0;
}

static long number(const char *text, long lowest, long highest) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < lowest || value > highest) {
        usage();
    }
    return value;
}

static struct target parse(const char *text, long port) {
    struct target t = {0};
    struct sockaddr_in *four = (struct sockaddr_in *) &t.address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *) &t.address;
    char plain[INET6_ADDRSTRLEN + 1];
    const char *zone = strchr(text, '%');
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t) port);
        t.length = sizeof *four;
        return t;
    }
    snprintf(plain, sizeof plain, "%.*s", (int) (zone ? zone - text : (long) strlen(text)), text);
    if (inet_pton(AF_INET6, plain, &six->sin6_addr) != 1) {
        usage();
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t) port);
    six->sin6_scope_id = zone ? if_nametoindex(zone + 1) : 0;
    t.length = sizeof *six;
    return t;
}

/* Both an RST and an ICMP port unreachable end as ECONNREFUSED; only the latter is in the error queue. */
static int refused_by_icmp(int fd) {
    char control[512];
    char data[512];
    struct iovec vector = {data, sizeof data};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
        return 0;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
            || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            const struct sock_extended_err *e = (const struct sock_extended_err *) CMSG_DATA(c);
            return e->ee_origin == SO_EE_ORIGIN_ICMP || e->ee_origin == SO_EE_ORIGIN_ICMP6;
        }
    }
    return 0;
}

static int refused_or_failed(int fd, int error) {
    if (error != ECONNREFUSED) {
        return failed(error);
    }
    return outcome(refused_by_icmp(fd) ? "refused icmp" : "refused rst", 1);
}

static int open_socket(const struct target *to, int type, int protocol) {
    int fd = socket(to->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    int on = 1;
    if (fd < 0) {
        exit(failed(errno));
    }
    if (to->address.ss_family == AF_INET) {
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    } else {
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    }
    return fd;
}

/* A connected socket, or the end of the program with the outcome printed. */
static int connected(const struct target *to, int type, long until) {
    int fd = open_socket(to, type, 0);
    if (connect(fd, (const struct sockaddr *) &to->address, to->length) == 0) {
        return fd;
    }
    if (errno != EINPROGRESS) {
        exit(refused_or_failed(fd, errno));
    }
    for (;;) {
        if (wait_for(fd, POLLOUT, until) == 0) {
            exit(outcome("timeout", 1));
        }
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            exit(refused_or_failed(fd, error));
        }
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        if (getpeername(fd, (struct sockaddr *) &peer, &length) == 0) {
            return fd;
        }
        /* The kernel fills the error queue, which wakes us, before it says that the connection has failed. */
        if (refused_by_icmp(fd)) {
            exit(outcome("refused icmp", 1));
        }
    }
}

static int probe_tcp(const struct target *to, long ms) {
    unsigned char banner[256];
    int fd = connected(to, SOCK_STREAM, now_ms() + ms);
    ssize_t got = wait_for(fd, POLLIN, now_ms() + BANNER_MS) > 0 ? recv(fd, banner, sizeof banner, 0) : 0;
    fputs("open", stdout);
    if (got > 0) {
        putchar(' ');
        print_escaped(banner, got);
    }
    putchar('\n');
    return 0;
}

/* The length of the answer to what was sent, or the end of the program with the outcome printed. */
static ssize_t answer(int fd, const void *question, size_t length, void *buffer, size_t size, long until) {
    if (send(fd, question, length, 0) < 0 && errno != EAGAIN) {
        exit(refused_or_failed(fd, errno));
    }
    if (wait_for(fd, POLLIN, until) == 0) {
        exit(outcome("timeout", 1));
    }
    ssize_t got = recv(fd, buffer, size, 0);
    if (got < 0) {
        exit(refused_or_failed(fd, errno));
    }
    return got;
}

static int probe_udp(const struct target *to, const char *text, long ms) {
    unsigned char reply[2048];
    long until = now_ms() + ms;
    int fd = connected(to, SOCK_DGRAM, until);
    ssize_t got = answer(fd, text, strlen(text), reply, sizeof reply, until);
    fputs("reply ", stdout);
    print_escaped(reply, got);
    putchar('\n');
    return 0;
}

static uint16_t checksum(const void *data, size_t length) {
    const unsigned char *bytes = data;
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2) {
        uint16_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum += word;
    }
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* 1 reply, -1 unreachable, 0 something else that a raw socket sees as well. */
static int judge_ping4(const unsigned char *packet, ssize_t length, uint16_t id) {
    const struct ip *outer = (const struct ip *) packet;
    const struct icmphdr *icmp = (const struct icmphdr *) (packet + outer->ip_hl * 4);
    if (length < outer->ip_hl * 4 + (ssize_t) sizeof *icmp) {
        return 0;
    }
    if (icmp->type == ICMP_ECHOREPLY) {
        return icmp->un.echo.id == id;
    }
    const struct ip *inner = (const struct ip *) (icmp + 1);
    if (icmp->type != ICMP_DEST_UNREACH || length < outer->ip_hl * 4 + 8 + 20 + 8) {
        return 0;
    }
    const struct icmphdr *ours = (const struct icmphdr *) ((const unsigned char *) inner + inner->ip_hl * 4);
    return inner->ip_p == IPPROTO_ICMP && ours->un.echo.id == id ? -1 : 0;
}

static int judge_ping6(const unsigned char *packet, ssize_t length, uint16_t id) {
    const struct icmp6_hdr *icmp = (const struct icmp6_hdr *) packet;
    if (length < (ssize_t) sizeof *icmp) {
        return 0;
    }
    if (icmp->icmp6_type == ICMP6_ECHO_REPLY) {
        return icmp->icmp6_id == id;
    }
    const struct icmp6_hdr *ours = (const struct icmp6_hdr *) (packet + 8 + 40);
    return icmp->icmp6_type == ICMP6_DST_UNREACH && length >= 8 + 40 + 8 && ours->icmp6_id == id ? -1 : 0;
}

static int probe_ping(const struct target *to, long ms) {
    int six = to->address.ss_family == AF_INET6;
    uint16_t id = (uint16_t) getpid();
    long until = now_ms() + ms;
    unsigned char packet[1500];
    struct icmphdr echo = {.type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
    echo.un.echo.id = id;
    echo.un.echo.sequence = htons(1);
    if (!six) {
        echo.checksum = checksum(&echo, sizeof echo);
    }
    int fd = socket(to->address.ss_family, SOCK_RAW | SOCK_CLOEXEC, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    if (fd < 0) {
        return failed(errno);
    }
    if (sendto(fd, &echo, sizeof echo, 0, (const struct sockaddr *) &to->address, to->length) < 0) {
        return errno == ENETUNREACH || errno == EHOSTUNREACH ? outcome("unreachable", 1) : failed(errno);
    }
    while (wait_for(fd, POLLIN, until) > 0) {
        ssize_t got = recv(fd, packet, sizeof packet, 0);
        int verdict = got < 0 ? 0 : six ? judge_ping6(packet, got, id) : judge_ping4(packet, got, id);
        if (verdict != 0) {
            return verdict > 0 ? outcome("reply", 0) : outcome("unreachable", 1);
        }
    }
    return outcome("timeout", 1);
}

static size_t dns_question(unsigned char *q, size_t size, const char *name) {
    static const unsigned char header[12] = {0xa6, 0x37, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    size_t at = sizeof header;
    memcpy(q, header, sizeof header);
    while (*name) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > 63 || at + label + 7 > size) {
            usage();
        }
        q[at++] = (unsigned char) label;
        memcpy(q + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    memcpy(q + at, "\0\0\1\0\1", 5);
    return at + 5;
}

static ssize_t dns_skip_name(const unsigned char *m, ssize_t length, ssize_t at) {
    while (at < length && m[at] != 0) {
        if (m[at] >= 0xc0) {
            return at + 2;
        }
        at += m[at] + 1;
    }
    return at + 1;
}

static int dns_print(const unsigned char *m, ssize_t length) {
    static const char *const codes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
    int found = 0;
    if (length < 12) {
        return outcome("error EBADMSG", 1);
    }
    int rcode = m[3] & 15;
    int answers = m[6] << 8 | m[7];
    ssize_t at = dns_skip_name(m, length, 12) + 4;
    for (int i = 0; i < answers; i++) {
        at = dns_skip_name(m, length, at);
        if (at + 10 > length) {
            break;
        }
        int type = m[at] << 8 | m[at + 1];
        int size = m[at + 8] << 8 | m[at + 9];
        at += 10;
        if (type == 1 && size == 4 && at + 4 <= length) {
            printf("%s%u.%u.%u.%u", found ? " " : "", m[at], m[at + 1], m[at + 2], m[at + 3]);
            found = 1;
        }
        at += size;
    }
    if (!found) {
        fputs(rcode < 6 ? codes[rcode] : "RCODE", stdout);
    }
    putchar('\n');
    return found ? 0 : 1;
}

static int probe_dns(const struct target *to, const char *name, int tcp, long ms) {
    unsigned char question[300];
    unsigned char reply[4096];
    size_t length = dns_question(question + 2, sizeof question - 2, name);
    long until = now_ms() + ms;
    int fd = connected(to, tcp ? SOCK_STREAM : SOCK_DGRAM, until);
    if (!tcp) {
        return dns_print(reply, answer(fd, question + 2, length, reply, sizeof reply, until));
    }
    question[0] = (unsigned char) (length >> 8);
    question[1] = (unsigned char) length;
    ssize_t got = answer(fd, question, length + 2, reply, sizeof reply, until);
    while (got > 0 && (got < 2 || got < 2 + (reply[0] << 8 | reply[1]))) {
        if (wait_for(fd, POLLIN, until) == 0) {
            return outcome("timeout", 1);
        }
        ssize_t more = recv(fd, reply + got, sizeof reply - (size_t) got, 0);
        if (more <= 0) {
            return more < 0 ? failed(errno) : outcome("error EBADMSG", 1);
        }
        got += more;
    }
    return got < 2 ? outcome("error EBADMSG", 1) : dns_print(reply + 2, got - 2);
}

static int probe_frame(const char *interface, const char *hex, long count) {
    unsigned char frame[1514];
    size_t length = strlen(hex) / 2;
    if (strlen(hex) % 2 != 0 || length < 14 || length > sizeof frame) {
        usage();
    }
    for (size_t i = 0; i < length; i++) {
        if (sscanf(hex + 2 * i, "%2hhx", &frame[i]) != 1) {
            usage();
        }
    }
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int) if_nametoindex(interface),
                             .sll_halen = 6};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (to.sll_ifindex == 0 || fd < 0) {
        return failed(errno);
    }
    memcpy(to.sll_addr, frame, 6);
    for (long i = 0; i < count; i++) {
        if (sendto(fd, frame, length, 0, (const struct sockaddr *) &to, sizeof to) < 0) {
            return failed(errno);
        }
    }
    printf("sent %ld\n", count);
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "tcp") == 0 && (argc == 4 || argc == 5)) {
        struct target to = parse(argv[2], number(argv[3], 1, 65535));
        return probe_tcp(&to, argc == 5 ? number(argv[4], 1, 600000) : DEFAULT_MS);
    }
    if (strcmp(what, "udp") == 0 && (argc == 5 || argc == 6)) {
        struct target to = parse(argv[2], number(argv[3], 1, 65535));
        return probe_udp(&to, argv[4], argc == 6 ? number(argv[5], 1, 600000) : DEFAULT_MS);
    }
    if (strcmp(what, "ping") == 0 && (argc == 3 || argc == 4)) {
        struct target to = parse(argv[2], 0);
        return probe_ping(&to, argc == 4 ? number(argv[3], 1, 600000) : DEFAULT_MS);
    }
    if (strcmp(what, "dns") == 0 && argc >= 4 && argc <= 6) {
        struct target to = parse(argv[2], 53);
        int tcp = argc >= 5 && strcmp(argv[4], "tcp") == 0;
        if (argc >= 5 && !tcp && strcmp(argv[4], "udp") != 0) {
            usage();
        }
        return probe_dns(&to, argv[3], tcp, argc == 6 ? number(argv[5], 1, 600000) : DEFAULT_MS);
    }
    if (strcmp(what, "frame") == 0 && (argc == 4 || argc == 5)) {
        return probe_frame(argv[2], argv[3], argc == 5 ? number(argv[4], 1, 1000000) : 1);
    }
    return usage();
}
