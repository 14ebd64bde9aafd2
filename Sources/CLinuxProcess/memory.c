#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int clp_memory_file(const char *label, const uint8_t *bytes, long count) {
    int fd = memfd_create(label, MFD_CLOEXEC);
    if (fd < 0) return -errno;
    long written = 0;
    while (written < count) {
        long more = write(fd, bytes + written, count - written);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            int error = errno;
            close(fd);
            return -(error ? error : EIO);
        }
        written += more;
    }
    if (lseek(fd, 0, SEEK_SET) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

extern char **environ;

int clp_hide_environment(void) {
    long count = 0;
    while (environ && environ[count]) count++;
    char **moved = calloc(count + 1, sizeof(char *));
    if (!moved) return -ENOMEM;
    for (long index = 0; index < count; index++) {
        moved[index] = strdup(environ[index]);
        if (moved[index]) continue;
        while (index > 0) free(moved[--index]);
        free(moved);
        return -ENOMEM;
    }
    char **shown = environ;
    environ = moved;
    for (long index = 0; index < count; index++) explicit_bzero(shown[index], strlen(shown[index]));
    return 0;
}

static int argument_count;
static char **shown_arguments;

__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    argument_count = argc;
    shown_arguments = argv;
}

void clp_hide_addresses_in_arguments(void) {
    for (int index = 0; index < argument_count; index++) {
        char *scheme = strstr(shown_arguments[index], "://");
        if (!scheme) continue;
        char *start = scheme + 3;
        char *end = strrchr(start, '@');
        if (end) memset(start, '*', end - start);
    }
}
