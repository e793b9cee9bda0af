/* The yardstick: what a C program needs for lookups over one connection to p0f.

   Usage: client SOCKET ADDRESS..., with IPv4 addresses that p0f knows, which are asked for in turn.
   Each line "DEPTH COUNT" on standard input has it make COUNT lookups with DEPTH of them in flight
   at all times, on a connection of their own, and print the nanoseconds they took without the time
   to connect. Every answer is checked and its operating system's name is copied out. */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { QUERY = 21, ANSWER = 232, OS_NAME = 40, NAME = 32, MOST = 128 };

static char queries[2 * MOST * QUERY]; /* twice, so that MOST of them lie together from any on */
static char answers[MOST * ANSWER];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof address))
        die("connect");
    return sock;
}

static void make_queries(char **ip_addresses, int addresses) {
    uint32_t magic = 0x50304601;
    for (int number = 0; number < 2 * MOST; number++) {
        char *query = queries + number * QUERY;
        memcpy(query, &magic, 4);
        query[4] = 4;
        if (inet_pton(AF_INET, ip_addresses[number % MOST % addresses], query + 5) != 1)
            die("inet_pton");
    }
}

static void ask(int sock, long count) {
    static long next = 0;
    if (count > 0 && write(sock, queries + next * QUERY, count * QUERY) != count * QUERY)
        die("write");
    next = (next + count) % MOST;
}

static void check(const char *answer) {
    static const uint32_t head[2] = {0x50304602, 0x10};
    static char name[NAME + 1];
    if (memcmp(answer, head, sizeof head)) {
        fputs("p0f does not know the address\n", stderr);
        exit(1);
    }
    memcpy(name, answer + OS_NAME, NAME);
}

static void look_up(int sock, long depth, long count) {
    long asked = depth < count ? depth : count;
    long answered = 0;
    size_t have = 0;
    ask(sock, asked);
    while (answered < count) {
        ssize_t got = read(sock, answers + have, sizeof answers - have);
        if (got <= 0)
            die("read");
        have += got;
        size_t start = 0;
        for (; have - start >= ANSWER; start += ANSWER)
            check(answers + start);
        memmove(answers, answers + start, have - start);
        have -= start;
        long done = start / ANSWER;
        long more = count - asked < done ? count - asked : done;
        answered += done;
        ask(sock, more);
        asked += more;
    }
}

int main(int argc, char **argv) {
    long depth, count;
    struct timespec from, to;
    if (argc < 3)
        return 2;
    make_queries(argv + 2, argc - 2);
    while (scanf("%ld %ld", &depth, &count) == 2) {
        int sock = connect_to(argv[1]);
        look_up(sock, 1, 1); /* p0f has taken the connection */
        clock_gettime(CLOCK_MONOTONIC, &from);
        look_up(sock, depth < MOST ? depth : MOST, count);
        clock_gettime(CLOCK_MONOTONIC, &to);
        close(sock);
        printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
        fflush(stdout);
    }
    return 0;
}
