/* An upstream, UDP and TCP on one port, that does what a label of the question asks for: `upstream PORT FORGERIES`
 *
 * silent: says nothing over UDP. nxdomain: says that. once: counts, and takes its time over the first. counted: tells
 * in an address how many questions were counted, and forgets them. forged: sends FORGERIES forged responses as somebody
 * who knows the port and the question but sees nothing, then the response. Anything else: 192.0.2.1 for five minutes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, SIZE = 512, RECORD = 16, PATIENCE = 200000, SETTLING = 100000 };

static const uint8_t record[RECORD] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};
static uint32_t counted;
static int udp, other, forgeries;

static int asks_for(const uint8_t *query, size_t end, const char *word)
{
    size_t length = strlen(word);
    for (size_t place = 12; place < end && query[place]; place += query[place] + 1u)
        if (query[place] == length && !strncasecmp((const char *)query + place + 1, word, length))
            return 1;
    return 0;
}

/* Returns where the question ends, 0 when there is none. */
static size_t find_end(const uint8_t *query, size_t length)
{
    size_t end = 12;
    while (end < length && query[end])
        end += query[end] + 1u;
    return end + 5 > length ? 0 : end + 5;
}

static size_t respond(uint8_t *message, size_t end, uint32_t address)
{
    message[2] = 0x81;
    message[3] = 0x80;
    memset(message + 6, 0, 6);
    if (asks_for(message, end, "nxdomain")) {
        message[3] = 0x83;
        return end;
    }
    message[7] = 1;
    memcpy(message + end, record, RECORD);
    address = htonl(address);
    memcpy(message + end + RECORD - 4, &address, 4);
    return end + RECORD;
}

static struct msghdr make_header(struct sockaddr_in *client, struct iovec *vector)
{
    return (struct msghdr){.msg_name = client, .msg_namelen = sizeof *client, .msg_iov = vector, .msg_iovlen = 1};
}

/* Most with a guessed ID; a few that know it, but answer another question, are no response, or come from elsewhere. */
static void forge(const uint8_t *query, size_t end, struct sockaddr_in *client)
{
    static uint8_t messages[BATCH][SIZE];
    static struct mmsghdr headers[BATCH];
    static struct iovec vectors[BATCH];
    static uint16_t identifiers[BATCH];
    for (int sent = 0; sent < forgeries; sent += BATCH) {
        if (getrandom(identifiers, sizeof identifiers, 0) < 0)
            return;
        for (int i = 0; i < BATCH; i++) {
            uint8_t *message = messages[i];
            memcpy(message, query, end);
            for (size_t place = 13; place < end - 5; place++) /* a guesser knows no letters' case */
                message[place] |= message[place] >= 'A' && message[place] <= 'Z' ? 32 : 0;
            vectors[i] = (struct iovec){message, respond(message, end, 0xc0000206)};
            headers[i].msg_hdr = make_header(client, &vectors[i]);
            if (i > 2)
                memcpy(message, &identifiers[i], 2);
        }
        messages[0][13] ^= 1;
        messages[1][2] &= 0x7f;
        sendto(other, messages[2], vectors[2].iov_len, 0, (struct sockaddr *)client, sizeof *client);
        messages[2][end - 3] ^= 28 ^ 1;
        sendmmsg(udp, headers, BATCH, 0);
    }
}

static void serve_datagram(uint8_t *message, size_t length, struct sockaddr_in *client)
{
    size_t end = find_end(message, length);
    uint32_t address = 0xc0000201;
    if (!end || asks_for(message, end, "silent"))
        return;
    if (asks_for(message, end, "forged"))
        forge(message, end, client), usleep(SETTLING); /* or it would only tell that their buffer is full */
    if (asks_for(message, end, "once") && !counted++)
        usleep(PATIENCE);
    if (asks_for(message, end, "counted")) {
        address = counted;
        counted = 0;
    }
    length = respond(message, end, address);
    sendto(udp, message, length, 0, (struct sockaddr *)client, sizeof *client);
}

static void *serve_connection(void *argument)
{
    int connection = (int)(intptr_t)argument;
    uint8_t frame[2 + 65536 + RECORD];
    while (recv(connection, frame, 2, MSG_WAITALL) == 2) {
        size_t length = frame[0] << 8 | frame[1];
        if (recv(connection, frame + 2, length, MSG_WAITALL) != (ssize_t)length)
            break;
        size_t end = find_end(frame + 2, length);
        if (!end)
            break;
        length = respond(frame + 2, end, 0xc0000201);
        frame[0] = length >> 8;
        frame[1] = length;
        if (send(connection, frame, length + 2, MSG_NOSIGNAL) < 0)
            break;
    }
    close(connection);
    return NULL;
}

static void *serve_connections(void *argument)
{
    int listener = (int)(intptr_t)argument;
    for (;;) {
        pthread_t thread;
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0 && !pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)connection))
            pthread_detach(thread);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), bytes = 8 << 20, yes = 1;
    pthread_t thread;
    address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    forgeries = argc > 2 ? atoi(argv[2]) : 0;
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    other = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(udp, (struct sockaddr *)&address, sizeof address) ||
        bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128) ||
        pthread_create(&thread, NULL, serve_connections, (void *)(intptr_t)listener))
        return 1;
    for (;;) {
        static uint8_t messages[BATCH][SIZE + RECORD];
        static struct sockaddr_in clients[BATCH];
        static struct iovec vectors[BATCH];
        static struct mmsghdr headers[BATCH];
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){messages[i], SIZE};
            headers[i].msg_hdr = make_header(&clients[i], &vectors[i]);
        }
        int received = recvmmsg(udp, headers, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < received; i++)
            serve_datagram(messages[i], headers[i].msg_len, &clients[i]);
    }
}
