/* Preloaded into a server: moves its calendar and slows its disk while it runs, as files say.
 *
 * FAULTS_CLOCK names a file with seconds to add to the time of day, FAULTS_FSYNC one with microseconds that every fsync
 * takes longer. The monotonic clock stays as it is, as it does when somebody sets the date.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long read_number(const char *variable)
{
    char text[32] = "";
    const char *path = getenv(variable);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*original)(clockid_t, struct timespec *);
    if (!original)
        original = dlsym(RTLD_NEXT, "clock_gettime");
    int result = original(clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        time->tv_sec += read_number("FAULTS_CLOCK");
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    *time = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *place)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    return place ? *place = precise.tv_sec : precise.tv_sec;
}

int fsync(int file)
{
    static int (*original)(int);
    if (!original)
        original = dlsym(RTLD_NEXT, "fsync");
    usleep(read_number("FAULTS_FSYNC"));
    return original(file);
}

int fdatasync(int file)
{
    static int (*original)(int);
    if (!original)
        original = dlsym(RTLD_NEXT, "fdatasync");
    usleep(read_number("FAULTS_FSYNC"));
    return original(file);
}
