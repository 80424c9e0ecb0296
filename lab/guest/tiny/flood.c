/*
 * Opens flows as fast as it can: a datagram to each port of an address, then of the next address, and so on.
 *
 *   flood ADDR MS                     sent COUNT | error ERRNO
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int failed(void) {
    printf("error %s\n", strerrorname_np(errno));
    return 1;
}

int main(int argc, char **argv) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || atol(argv[2]) <= 0) {
        fputs("usage: flood ADDR MS\n", stderr);
        return 2;
    }
    long until = now_ms() + atol(argv[2]);
    long count = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return failed();
    }
    for (; now_ms() < until; count++) {
        to.sin_port = htons((uint16_t) (1 + count % 65535));
        if (sendto(fd, "", 1, 0, (const struct sockaddr *) &to, sizeof to) < 0) {
            return failed();
        }
        if (count % 65535 == 65534) {
            to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + 1);
        }
    }
    printf("sent %ld\n", count);
    return 0;
}
