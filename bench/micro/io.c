// Measures a guest's disk /dev/vda and its TCP through 10.0.2.2; writes over the disk.
//     io SECONDS SOURCE_PORT SINK_PORT
// Prints a line "RESULT name value" for each: transfers a second, for TCP megabytes (10^6) a second.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, LARGE = 1 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void disk(const char *name, bool writes, bool random, size_t bytes, double seconds, void *buffer) {
    const int fd = open("/dev/vda", O_RDWR | O_DIRECT);
    if (fd < 0) fail("/dev/vda");
    const off_t size = lseek(fd, 0, SEEK_END);
    uint64_t state = 88172645463325252u;
    off_t offset = 0;
    long transfers = 0;
    const double begin = now();
    double elapsed = 0;
    do {
        if (random) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            offset = (off_t)(state % (uint64_t)(size / SMALL)) * SMALL;
        }
        const ssize_t moved = writes ? pwrite(fd, buffer, bytes, offset) : pread(fd, buffer, bytes, offset);
        if (moved != (ssize_t)bytes) fail(name);
        if (!random) offset = offset + 2 * (off_t)bytes > size ? 0 : offset + (off_t)bytes;
        transfers++;
        elapsed = now() - begin;
    } while (elapsed < seconds);
    close(fd);
    printf("RESULT %s %.1f\n", name, (double)transfers / elapsed);
}

static void tcp(const char *name, bool writes, int port, double seconds, void *buffer) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "10.0.2.2", &host.sin_addr);
    if (connect(fd, (struct sockaddr *)&host, sizeof host) != 0) fail("connect");
    double bytes = 0, elapsed = 0;
    const double begin = now();
    do {
        const ssize_t moved = writes ? write(fd, buffer, 128 * 1024) : read(fd, buffer, 128 * 1024);
        if (moved <= 0) fail(name);
        bytes += (double)moved;
        elapsed = now() - begin;
    } while (elapsed < seconds);
    close(fd);
    printf("RESULT %s %.1f\n", name, bytes / elapsed / 1e6);
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    const double seconds = atof(arguments[1]);
    void *buffer = aligned_alloc(SMALL, LARGE);
    if (buffer == NULL) return 1;
    disk("blk-read-seq-4k", false, false, SMALL, seconds, buffer);
    disk("blk-read-rand-4k", false, true, SMALL, seconds, buffer);
    disk("blk-write-seq-4k", true, false, SMALL, seconds, buffer);
    disk("blk-write-rand-4k", true, true, SMALL, seconds, buffer);
    disk("blk-read-seq-1m", false, false, LARGE, seconds, buffer);
    disk("blk-write-seq-1m", true, false, LARGE, seconds, buffer);
    tcp("tcp-to-guest", false, atoi(arguments[2]), seconds, buffer);
    tcp("tcp-from-guest", true, atoi(arguments[3]), seconds, buffer);
    return 0;
}
