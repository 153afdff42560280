/* Queries at fixed rates, and a record of every one: `load PORT OUTPUT CLIENTS NET TIMEOUT STREAM...`
 *
 * Each client has an address of its own, 127.0.NET.1 and on, and one socket. STREAM is RATE:COUNT:LIMIT:TEMPLATE: `#`
 * in the template stands for a number that runs modulo COUNT (0: ever new); LIMIT queries are sent (0: until SIGTERM).
 * Ends TIMEOUT seconds after the last query, or when nothing is waited for. The output is the start on the monotonic
 * clock in nanoseconds, then the records. It judges nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS = 64, STREAMS = 16, RECORDS = 8 << 20, NONE = 255, BURST = 64 };

struct record {
    uint32_t sent, latency; /* microseconds, since the start and since then */
    uint32_t number, address;
    uint8_t stream, socket, rcode, answers;
    uint16_t error, flags; /* extended DNS error + 1 */
};

struct stream {
    double rate;
    uint64_t count, limit, sent;
    const char *template;
};

static struct stream streams[STREAMS];
static struct pollfd sockets[SOCKETS];
static uint32_t waiting[SOCKETS][65536]; /* index of the record + 1 by ID */
static uint16_t identifiers[SOCKETS];
static struct record *records;
static uint32_t written, pending;
static int stream_count, socket_count;
static volatile sig_atomic_t is_ending;
static uint64_t start;

static void end(int number)
{
    (void)number;
    is_ending = 1;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static size_t write_query(uint8_t *message, uint16_t identifier, const char *template, uint64_t number)
{
    static const uint8_t tail[] = {0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
    char name[256], *out = name;
    for (const char *in = template; *in; in++)
        out += *in == '#' ? sprintf(out, "%lu", number) : (*out = *in, 1);
    *out = 0;
    memcpy(message, (uint8_t[]){identifier >> 8, identifier, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1}, 12);
    uint8_t *place = message + 12;
    for (char *label = name; *label;) {
        size_t length = strcspn(label, ".");
        *place++ = length;
        memcpy(place, label, length);
        place += length;
        label += length + (label[length] == '.');
    }
    memcpy(place, tail, sizeof tail);
    return place + sizeof tail - message;
}

static void send_query(int index, uint64_t time)
{
    struct stream *stream = &streams[index];
    int from = random() % socket_count; /* no stream keeps to some of the sockets, and so to some of the workers */
    uint16_t identifier = identifiers[from]++;
    uint64_t number = stream->count ? stream->sent % stream->count : stream->sent;
    uint8_t message[512];
    size_t length = write_query(message, identifier, stream->template, number);
    stream->sent++;
    pending += !waiting[from][identifier];
    waiting[from][identifier] = written + 1;
    records[written++] = (struct record){(time - start) / 1000, 0, number, 0, index, from, NONE, 0, 0, 0};
    send(sockets[from].fd, message, length, MSG_DONTWAIT);
}

static size_t skip_name(const uint8_t *message, size_t place, size_t length)
{
    while (place < length && message[place] && message[place] < 0xc0)
        place += message[place] + 1u;
    return place + (place < length && message[place] >= 0xc0 ? 2 : 1);
}

static void read_records(struct record *record, const uint8_t *message, size_t length)
{
    size_t place = skip_name(message, 12, length) + 4;
    int left = 0;
    for (int section = 6; section < 12; section += 2)
        left += message[section] << 8 | message[section + 1];
    while (left--) {
        place = skip_name(message, place, length);
        if (place + 10 > length)
            return;
        const uint8_t *fixed = message + place;
        size_t size = fixed[8] << 8 | fixed[9];
        int type = fixed[0] << 8 | fixed[1];
        place += 10 + size;
        if (place > length)
            return;
        if (type == 1 && size == 4 && !record->address)
            record->address = fixed[10] << 24 | fixed[11] << 16 | fixed[12] << 8 | fixed[13];
        for (size_t at = 10; type == 41 && at + 6 <= 10 + size; at += 4 + (fixed[at + 2] << 8 | fixed[at + 3]))
            if (fixed[at] == 0 && fixed[at + 1] == 15)
                record->error = (fixed[at + 4] << 8 | fixed[at + 5]) + 1;
    }
}

static void receive(int from)
{
    uint8_t message[4096];
    for (int i = 0; i < BURST; i++) {
        ssize_t length = recv(sockets[from].fd, message, sizeof message, MSG_DONTWAIT);
        if (length < 12) {
            if (length < 0 && errno == ECONNREFUSED)
                continue;
            return;
        }
        uint32_t *index = &waiting[from][message[0] << 8 | message[1]];
        if (!*index)
            continue;
        struct record *record = &records[*index - 1];
        *index = 0;
        pending--;
        record->latency = (now() - start) / 1000 - record->sent;
        record->rcode = message[3] & 15;
        record->flags = message[2] << 8 | message[3];
        record->answers = message[7];
        read_records(record, message, length);
    }
}

/* Sends what is due and returns when the next query is, 0 when there will be none. */
static uint64_t send_due(uint64_t time)
{
    uint64_t next = 0;
    for (int i = 0; i < stream_count; i++) {
        struct stream *stream = &streams[i];
        for (int sent = 0; !is_ending && written < RECORDS; sent++) {
            if (stream->limit && stream->sent >= stream->limit)
                break;
            uint64_t due = start + (uint64_t)(stream->sent * 1e9 / stream->rate);
            if (due > time || sent == BURST) {
                next = next && next < due ? next : due;
                break;
            }
            send_query(i, now());
        }
    }
    return next;
}

static void open_sockets(int port, int net)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int bytes = 8 << 20;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < socket_count; i++) {
        sockets[i] = (struct pollfd){socket(AF_INET, SOCK_DGRAM, 0), POLLIN, 0};
        setsockopt(sockets[i].fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (net << 8) + i)};
        if (bind(sockets[i].fd, (struct sockaddr *)&own, sizeof own) ||
            connect(sockets[i].fd, (struct sockaddr *)&address, sizeof address))
            exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return 2;
    socket_count = atoi(argv[3]);
    double timeout = atof(argv[5]);
    for (char **text = argv + 6; *text; text++) {
        struct stream *stream = &streams[stream_count++];
        char *rest;
        stream->rate = strtod(*text, &rest);
        stream->count = strtoull(rest + 1, &rest, 10);
        stream->limit = strtoull(rest + 1, &rest, 10);
        stream->template = rest + 1;
    }
    int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    records = mmap(NULL, RECORDS * sizeof *records, PROT_READ | PROT_WRITE, kind, -1, 0);
    open_sockets(atoi(argv[1]), atoi(argv[4]));
    signal(SIGTERM, end);
    /* Its own delays would be taken for the server's: let it run at once when it is due, where that is permitted. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    prctl(PR_SET_TIMERSLACK, 1);
    start = now();
    for (uint64_t deadline = 0, time = start; !deadline || (pending && time < deadline); time = now()) {
        uint64_t next = send_due(time);
        if (!next && !deadline)
            deadline = time + (uint64_t)(timeout * 1e9);
        uint64_t until = next ? next : deadline;
        time = now();
        uint64_t pause = until > time ? until - time : 0;
        if (pause > 20000000)
            pause = 20000000;
        ppoll(sockets, socket_count, &(struct timespec){0, pause}, NULL);
        for (int i = 0; i < socket_count; i++)
            if (sockets[i].revents)
                receive(i);
    }
    FILE *output = fopen(argv[2], "wb");
    if (!output || fwrite(&start, sizeof start, 1, output) != 1 ||
        fwrite(records, sizeof *records, written, output) != written || fclose(output))
        return 1;
    return 0;
}
