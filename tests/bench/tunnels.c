/* The cheapest load for a proxy: both of its ends in one loop, so that little is left on the cores for anybody but it.

   tunnels PROXY_PORT CONNECTIONS CONCURRENCY HELLO_FILE

   CONNECT to a port of its own, a ClientHello, one request. Flights have the sizes of TLS 1.3, their contents a proxy
   that decrypts nothing does not look at. Prints one line of JSON. For benchmarks only. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SERVER_FLIGHT = 3000, CLIENT_FLIGHT = 190, RESPONSE = 500, MAX_HANDLES = 65536, EVENTS = 64 };
enum { LISTENING = 1, CLIENT, ORIGIN };

struct peer {
    int kind, step;
    size_t received;
    double started;
};

static struct peer peers[MAX_HANDLES];
static char hello[65536], request[256], flight[SERVER_FLIGHT], buffer[65536];
static size_t hello_length, request_length;
static int events, proxy_port, left, failures, done;
static double *durations;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static struct sockaddr_in on_loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(int handle, int kind)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = handle};
    int yes = 1;
    if (handle >= MAX_HANDLES)
        abort();
    fcntl(handle, F_SETFL, O_NONBLOCK);
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    peers[handle] = (struct peer){.kind = kind, .started = now()};
    epoll_ctl(events, EPOLL_CTL_ADD, handle, &event);
}

static int say(int handle, const void *text, size_t length)
{
    return write(handle, text, length) == (ssize_t)length;
}

static void open_tunnel(void)
{
    struct sockaddr_in address = on_loopback(proxy_port);
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    left--;
    if (connect(handle, (struct sockaddr *)&address, sizeof address) || !say(handle, request, request_length)) {
        perror("cannot connect to the proxy");
        exit(1);
    }
    watch(handle, CLIENT);
}

/* Goes one step on at the client's end; 0 when that was the last. */
static int advance(int handle, struct peer *peer, ssize_t length)
{
    peer->received += length > 0 ? length : 0;
    if (peer->step == 0 && length > 12 && !memcmp(buffer, "HTTP/1.1 200", 12)) {
        *peer = (struct peer){CLIENT, 1, 0, peer->started};
        return say(handle, hello, hello_length);
    }
    if (peer->step == 1 && peer->received >= SERVER_FLIGHT) {
        *peer = (struct peer){CLIENT, 2, 0, peer->started};
        return say(handle, flight, CLIENT_FLIGHT);
    }
    if (peer->step == 2 && peer->received >= RESPONSE) {
        durations[done++] = now() - peer->started;
        return 0;
    }
    failures += length <= 0;
    return length > 0;
}

/* Answers a hello with a flight, the client's flight with a response and the end. */
static int serve(int handle, struct peer *peer, ssize_t length)
{
    peer->received += length > 0 ? length : 0;
    if (peer->step == 0 && peer->received >= hello_length) {
        peer->step = 1;
        return say(handle, flight, SERVER_FLIGHT);
    }
    if (peer->step == 1 && peer->received >= hello_length + CLIENT_FLIGHT) {
        say(handle, flight, RESPONSE);
        return 0;
    }
    return length > 0;
}

static void handle_event(int handle)
{
    struct peer *peer = &peers[handle];
    if (peer->kind == LISTENING) {
        watch(accept(handle, NULL, NULL), ORIGIN);
        return;
    }
    ssize_t length = read(handle, buffer, sizeof buffer);
    if ((peer->kind == CLIENT ? advance : serve)(handle, peer, length))
        return;
    close(handle);
    if (peer->kind == CLIENT && left > 0)
        open_tunnel();
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = on_loopback(0);
    socklen_t size = sizeof address;
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(handle, (struct sockaddr *)&address, size) || listen(handle, 4096))
        exit(1);
    getsockname(handle, (struct sockaddr *)&address, &size);
    watch(handle, LISTENING);
    return ntohs(address.sin_port);
}

static int compare(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv)
{
    struct epoll_event ready[EVENTS];
    struct rusage usage;
    if (argc != 5)
        return 2;
    int connections = left = atoi(argv[2]), origin;
    FILE *file = fopen(argv[4], "rb");
    if (!file || connections < 1)
        return 2;
    hello_length = fread(hello, 1, sizeof hello, file);
    memset(flight, 0x17, sizeof flight);
    durations = calloc(connections, sizeof *durations);
    events = epoll_create1(0);
    proxy_port = atoi(argv[1]);
    origin = listen_anywhere();
    request_length = snprintf(
        request, sizeof request, "CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", origin, origin);
    double started = now();
    for (int i = 0; i < atoi(argv[3]) && left > 0; i++)
        open_tunnel();
    while (done + failures < connections) {
        int count = epoll_wait(events, ready, EVENTS, 10000);
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++)
            handle_event(ready[i].data.fd);
    }
    double seconds = now() - started;
    getrusage(RUSAGE_SELF, &usage);
    qsort(durations, done, sizeof *durations, compare);
    printf("{\"connections\": %d, \"failures\": %d, \"seconds\": %f, \"cpu\": %f, \"p50\": %f, \"p99\": %f}\n", done,
           connections - done, seconds, usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6, durations[done / 2], durations[done * 99 / 100]);
    return 0;
}
