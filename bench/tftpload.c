/* Many TFTP clients in one thread, for measuring servers on this machine. Prints one JSON object.
 *
 * tftpload PORT FILE CLIENTS TOTAL SECONDS [blksize=N] [windowsize=N] [loss=PERCENT] [verify=PATH] [phones=N]
 *
 * FILE may hold %06X: the number of the phone. With phones=N there are N of them, which ask in turn, each from an
 * address of its own from 127.1.0.0 on; else one asks from 127.0.0.1.
 * Clients send what is lost again after a second, six times; every datagram is lost with this percentage each way.
 * A block that comes again is acknowledged again; of a gap in a window the server is told once for each time that it
 * sends the window. half_ms and most_ms: in which half and 95 % of all transfers were done, null when fewer were.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 1000, TRIES = 6, LARGEST = 65536 };

struct client {
    int fd, connected, tries, gap, beyond;
    uint32_t block, in_window;
    int blksize, windowsize, out_length;
    uint64_t received;
    double started, deadline;
    unsigned char out[600];
};

static int port, blksize, windowsize, phones;
static double loss;
static const char *file;
static unsigned char *expected;
static long expected_length = -1;
static long total, begun, ok, failed, wrong, repeated, running;
static uint64_t bytes;
static double *latencies;
static int poller;
static uint64_t chance = 88172645463325252ull;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int lost(void) {
    if (loss <= 0) return 0;
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    return (chance % 100000) < loss * 1000;
}

static void transmit(struct client *c) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->deadline = now() + RETRY_MS / 1000.0;
    if (lost()) return;
    if (c->connected) (void)!send(c->fd, c->out, c->out_length, 0);
    else (void)!sendto(c->fd, c->out, c->out_length, 0, (struct sockaddr *)&server, sizeof server);
}

static void acknowledge(struct client *c) {
    unsigned char packet[4] = {0, 4, c->block >> 8, c->block};
    memcpy(c->out, packet, 4);
    c->out_length = 4, c->in_window = 0;
    transmit(c);
}

static int add(struct client *c, int at, const char *text) {
    int length = strlen(text) + 1;
    memcpy(c->out + at, text, length);
    return at + length;
}

static void begin(struct client *c) {
    char name[256], number[16];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    memset(c, 0, sizeof *c);
    c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) { perror("socket"); exit(1); }
    if (phones) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        own.sin_addr.s_addr = htonl(0x7f010000 + begun % phones);
        if (bind(c->fd, (struct sockaddr *)&own, sizeof own)) { perror("bind"); exit(1); }
    }
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    snprintf(name, sizeof name, file, phones ? (int)(begun % phones) : 0);
    c->out[1] = 1;
    int at = add(c, add(c, 2, name), "octet");
    if (blksize) snprintf(number, sizeof number, "%d", blksize), at = add(c, add(c, at, "blksize"), number);
    if (windowsize) snprintf(number, sizeof number, "%d", windowsize), at = add(c, add(c, at, "windowsize"), number);
    c->out_length = at, c->blksize = 512, c->windowsize = 1, c->started = now();
    begun++, running++;
    transmit(c);
}

static void end(struct client *c, int good) {
    close(c->fd);
    c->fd = -1, running--;
    if (good && expected_length >= 0 && c->received != (uint64_t)expected_length) good = 0, wrong++;
    if (good) latencies[ok++] = now() - c->started;
    else failed++;
    if (begun < total) begin(c);
}

static void options(struct client *c, unsigned char *data, int length) {
    char *at = (char *)data + 2, *stop = (char *)data + length;
    while (at < stop) {
        char *value = at + strnlen(at, stop - at) + 1;
        if (value >= stop) break;
        if (!strcasecmp(at, "blksize")) c->blksize = atoi(value);
        if (!strcasecmp(at, "windowsize")) c->windowsize = atoi(value);
        at = value + strnlen(value, stop - value) + 1;
    }
}

static void received(struct client *c, unsigned char *data, int length) {
    int kind = data[1], number = data[2] << 8 | data[3], size = length - 4;
    if (kind == 5) { end(c, 0); return; }
    if (kind == 6) { if (!c->block) { options(c, data, length); c->tries = 0; acknowledge(c); } return; }
    if (kind != 3) return;
    if ((uint32_t)number != ((c->block + 1) & 0xffff)) {
        int ahead = (int16_t)(number - c->block);
        if (ahead <= 0) repeated++;
        if (c->windowsize == 1 ? ahead == 0 : !c->gap || ahead <= c->beyond) acknowledge(c);
        c->gap = 1, c->beyond = ahead;
        return;
    }
    uint64_t offset = (uint64_t)c->block * c->blksize;
    if (expected_length >= 0 && (offset + size > (uint64_t)expected_length || memcmp(expected + offset, data + 4, size))) {
        wrong++;
        end(c, 0);
        return;
    }
    c->block++, c->in_window++, c->received += size, bytes += size, c->gap = 0, c->tries = 0;
    if (size < c->blksize) { acknowledge(c); end(c, 1); }
    else if (c->in_window >= (uint32_t)c->windowsize) acknowledge(c);
    else c->deadline = now() + RETRY_MS / 1000.0;
}

static void readable(struct client *c) {
    static unsigned char data[LARGEST];
    for (int count = 0; count < 64; count++) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        int fd = c->fd, length = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
        if (length < 0) { if (errno == ECONNREFUSED) end(c, 0); return; }
        if (length < 4 || lost()) continue;
        if (!c->connected) connect(fd, (struct sockaddr *)&from, size), c->connected = 1;
        long before = ok + failed;
        received(c, data, length);
        if (ok + failed != before) return;
    }
}

static void late(struct client *c) {
    if (++c->tries >= TRIES) { end(c, 0); return; }
    repeated++;
    c->gap = 0;
    transmit(c);
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double share) { return ok ? latencies[(long)((ok - 1) * share)] * 1000 : 0; }

/* Prints in how many milliseconds this share of all transfers was done. */
static void print_done(const char *name, double share) {
    long at = (total - 1) * share;
    if (at < ok) printf(", \"%s\": %.3f", name, latencies[at] * 1000);
    else printf(", \"%s\": null", name);
}

int main(int argc, char **argv) {
    if (argc < 6) { fprintf(stderr, "usage: see the head of tftpload.c\n"); return 2; }
    port = atoi(argv[1]), file = argv[2];
    long clients = atol(argv[3]);
    total = atol(argv[4]);
    double seconds = atof(argv[5]);
    for (int i = 6; i < argc; i++) {
        if (!strncmp(argv[i], "blksize=", 8)) blksize = atoi(argv[i] + 8);
        if (!strncmp(argv[i], "windowsize=", 11)) windowsize = atoi(argv[i] + 11);
        if (!strncmp(argv[i], "loss=", 5)) loss = atof(argv[i] + 5);
        if (!strncmp(argv[i], "phones=", 7)) phones = atoi(argv[i] + 7);
        if (!strncmp(argv[i], "verify=", 7)) {
            FILE *f = fopen(argv[i] + 7, "rb");
            if (!f) { perror(argv[i] + 7); return 2; }
            fseek(f, 0, SEEK_END), expected_length = ftell(f), rewind(f);
            expected = malloc(expected_length + 1);
            if (fread(expected, 1, expected_length, f) != (size_t)expected_length) return 2;
            fclose(f);
        }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files), files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
    if (clients > total) clients = total;
    struct client *all = calloc(clients, sizeof *all);
    latencies = calloc(total + 1, sizeof *latencies);
    poller = epoll_create1(EPOLL_CLOEXEC);
    double start = now(), stop = start + seconds, checked = start;
    for (long i = 0; i < clients; i++) begin(&all[i]);
    while (running && now() < stop) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, 20);
        for (int i = 0; i < count; i++) {
            struct client *c = events[i].data.ptr;
            if (c->fd >= 0) readable(c);
        }
        double t = now();
        if (t - checked < 0.02) continue;
        checked = t;
        for (long i = 0; i < clients; i++)
            if (all[i].fd >= 0 && all[i].deadline <= t) late(&all[i]);
    }
    double elapsed = now() - start;
    qsort(latencies, ok, sizeof *latencies, order);
    printf("{\"ok\": %ld, \"failed\": %ld, \"unfinished\": %ld, \"wrong\": %ld, \"repeated\": %ld, \"seconds\": %.4f, "
           "\"per_second\": %.1f, \"megabytes_per_second\": %.2f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"bytes\": %llu",
           ok, failed, running, wrong, repeated, elapsed, ok / elapsed, bytes / elapsed / 1e6, quantile(0.5),
           quantile(0.99), quantile(1), (unsigned long long)bytes);
    print_done("half_ms", 0.5), print_done("most_ms", 0.95);
    puts("}");
    return 0;
}
