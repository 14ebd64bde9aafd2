#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC 0x63677270
#endif

/// File systems in which a file is a view of the kernel, or of a process.
static int is_kernels_own(int fd) {
    struct statfs about;
    if (fstatfs(fd, &about) != 0) return 1;
    switch ((unsigned long)about.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case BPF_FS_MAGIC:
    case NSFS_MAGIC: return 1;
    default: return 0;
    }
}

static int checked(int fd, mode_t kind) {
    struct stat about;
    int error = 0;
    if (fstat(fd, &about) != 0) error = errno;
    else if ((about.st_mode & S_IFMT) != kind || is_kernels_own(fd)) error = EINVAL;
    if (!error) return fd;
    close(fd);
    return -error;
}

int clp_open_below(int folder, const char *path) {
    int at = folder;
    const char *rest = path;
    for (;;) {
        const char *slash = strchr(rest, '/');
        size_t length = slash ? (size_t)(slash - rest) : strlen(rest);
        char name[NAME_MAX + 1];
        int error = 0;
        if (length == 0 || length > NAME_MAX) error = EINVAL;
        memcpy(name, rest, error ? 0 : length);
        name[error ? 0 : length] = 0;
        if (!strcmp(name, ".") || !strcmp(name, "..")) error = EINVAL;
        int flags = slash ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
        int next = error ? -1 : openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && !error) error = errno;
        if (at != folder) close(at);
        if (error) return -error;
        if (!slash) return checked(next, S_IFREG);
        at = next;
        rest = slash + 1;
    }
}

int clp_open_resolved(const char *path, int is_folder) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0));
    if (fd < 0) return -errno;
    char own[64], place[PATH_MAX];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(own, place, sizeof place - 1);
    if (length > 0) place[length] = 0;
    if (length <= 0 || strcmp(place, path) != 0) {
        close(fd);
        return -ELOOP;
    }
    return checked(fd, is_folder ? S_IFDIR : S_IFREG);
}
