/* The cheapest upstream there is: answers every query over UDP with one A record, TTL 300. For benchmarks only. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 512 };

static const uint8_t record[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};
static uint8_t buffers[BATCH][SIZE + sizeof record];
static struct sockaddr_in clients[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

/* Turns a query into its response in place and returns the length, 0 for what is no query. */
static size_t respond(uint8_t *message, size_t length)
{
    size_t end = 12;
    if (length < 17)
        return 0;
    while (end < length && message[end])
        end += message[end] + 1u;
    end += 5;
    if (end > length)
        return 0;
    message[2] = 0x81;
    message[3] = 0x80;
    memset(message + 6, 0, 6);
    message[7] = 1;
    memcpy(message + end, record, sizeof record);
    return end + sizeof record;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_DGRAM, 0), bytes = 8 << 20;
    address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    setsockopt(handle, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    if (bind(handle, (struct sockaddr *)&address, sizeof address))
        return 1;
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){buffers[i], SIZE};
            messages[i].msg_hdr = (struct msghdr){
                .msg_name = &clients[i], .msg_namelen = sizeof clients[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
        }
        int received = recvmmsg(handle, messages, BATCH, MSG_WAITFORONE, NULL), ready = 0;
        for (int i = 0; i < received; i++) {
            size_t length = respond(buffers[i], messages[i].msg_len);
            if (!length)
                continue;
            vectors[i].iov_len = length;
            messages[ready++].msg_hdr = messages[i].msg_hdr;
        }
        for (int sent = 0; sent < ready;) {
            int count = sendmmsg(handle, messages + sent, ready - sent, 0);
            sent += count > 0 ? count : 1;
        }
    }
}
