#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

// What runs between fork and exec is a copy of a process that had many threads: only system calls, no allocation.

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t count = write(fd, text, strlen(text));
    int error = count < 0 ? -errno : 0;
    close(fd);
    return error;
}

/// Digits of a number, at the end of `text`.
static char *digits(unsigned long value, char *text, int bytes) {
    char *at = text + bytes - 1;
    *at = 0;
    do {
        *--at = '0' + value % 10;
        value /= 10;
    } while (value);
    return at;
}

static int map_one(const char *path, unsigned long id) {
    char number[24], line[64];
    const char *text = digits(id, number, sizeof number);
    size_t length = strlen(text);
    memcpy(line, text, length);
    line[length] = ' ';
    memcpy(line + length + 1, text, length);
    memcpy(line + 2 * length + 1, " 1", 3);
    return write_file(path, line);
}

static int enter_namespaces(void) {
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return -errno;
    if (user != 0) {
        int error = map_one("/proc/self/uid_map", user);
        if (!error) error = write_file("/proc/self/setgroups", "deny");
        if (!error) error = map_one("/proc/self/gid_map", group);
        if (error) return error;
    }
    // What the machine mounts from now on is still seen here; what is done here is seen nowhere else.
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 ? 0 : -errno;
}

/// Flags that a mount has already, and that one in a user namespace may not lose.
static unsigned long kept_flags(const char *path) {
    struct statvfs about;
    if (statvfs(path, &about) != 0) return 0;
    unsigned long flags = 0;
    if (about.f_flag & ST_NOSUID) flags |= MS_NOSUID;
    if (about.f_flag & ST_NODEV) flags |= MS_NODEV;
    if (about.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
    if (about.f_flag & ST_NOATIME) flags |= MS_NOATIME;
    if (about.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
    if (about.f_flag & ST_RELATIME) flags |= MS_RELATIME;
    return flags;
}

static int make_read_only(const char *source, const char *path) {
    unsigned long flags = kept_flags(source);
    if (mount(source, path, NULL, MS_BIND, NULL) != 0) return -errno;
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) == 0 ? 0 : -errno;
}

/// All folders of a path but the first `skipped` bytes of it.
static int make_folders(const char *path, size_t skipped) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part) return -ENAMETOOLONG;
    for (size_t index = skipped + 1; index <= length; index++) {
        if (path[index] != '/' && path[index] != 0) continue;
        memcpy(part, path, index);
        part[index] = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST) return -errno;
    }
    return 0;
}

static int open_folder(const char *path, char *name, size_t bytes) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    char number[24];
    const char *text = digits(fd, number, sizeof number);
    const char *prefix = "/proc/self/fd/";
    if (strlen(prefix) + strlen(text) >= bytes) return -ENAMETOOLONG;
    strcpy(name, prefix);
    strcat(name, text);
    return 0;
}

static int hide(const struct clp_confinement *wanted) {
    char read_only[64] = "", writable[64] = "";
    int error = 0;
    if (wanted->kept_read_only) error = open_folder(wanted->kept_read_only, read_only, sizeof read_only);
    if (!error && wanted->kept_writable) error = open_folder(wanted->kept_writable, writable, sizeof writable);
    if (!error && mount("mlctl", wanted->hidden, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=256k") != 0)
        error = -errno;
    size_t skipped = strlen(wanted->hidden);
    if (!error && *read_only) error = make_folders(wanted->kept_read_only, skipped);
    if (!error && *read_only) error = make_read_only(read_only, wanted->kept_read_only);
    if (!error && *writable) error = make_folders(wanted->kept_writable, skipped);
    if (!error && *writable && mount(writable, wanted->kept_writable, NULL, MS_BIND, NULL) != 0) error = -errno;
    if (!error && mount(NULL, wanted->hidden, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0)
        error = -errno;
    return error;
}

static int change_user(const struct clp_confinement *wanted) {
    if (setgroups(wanted->group_count, wanted->groups) != 0) return -errno;
    if (setresgid(wanted->group, wanted->group, wanted->group) != 0) return -errno;
    if (setresuid(wanted->user, wanted->user, wanted->user) != 0) return -errno;
    if (wanted->user != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    return 0;
}

static void reset_signals(void) {
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(signal, &plain, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

struct report {
    int step;
    int error;
};

static void fail(int pipe, int step, int error) {
    struct report report = {step, error};
    ssize_t ignored = write(pipe, &report, sizeof report);
    (void)ignored;
    _exit(127);
}

static void become(
    const char *path, char *const argv[], char *const envp[], const char *working_folder, const char *output_path,
    int output_flags, const struct clp_confinement *wanted, int pipe) {
    int error = 0;
    reset_signals();
    if (setsid() < 0) fail(pipe, 0, errno);
    int input = open("/dev/null", O_RDONLY);
    int output = open(output_path, output_flags | O_CLOEXEC, 0600);
    if (input < 0 || output < 0) fail(pipe, 0, errno);
    // Programs open /dev/stdout by its name.
    if (wanted->changes_user && fchown(output, wanted->user, -1) != 0) fail(pipe, 3, errno);
    if ((error = enter_namespaces())) fail(pipe, 1, -error);
    if (wanted->read_only && (error = make_read_only(wanted->read_only, wanted->read_only))) fail(pipe, 2, -error);
    if (wanted->hidden && (error = hide(wanted))) fail(pipe, 2, -error);
    // What has been mounted cannot be undone by who may do everything else.
    if (geteuid() == 0) prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0);
    if (wanted->changes_user && (error = change_user(wanted))) fail(pipe, 3, -error);
    if (chdir(working_folder) != 0) fail(pipe, wanted->changes_user ? 3 : 0, errno);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) fail(pipe, 0, errno);
    if (dup2(pipe, 3) < 0) fail(pipe, 0, errno);
    if (fcntl(3, F_SETFD, FD_CLOEXEC) != 0) fail(3, 0, errno);
    closefrom(4);
    execve(path, argv, envp);
    fail(3, 4, errno);
}

int clp_spawn_confined(
    const char *path, char *const argv[], char *const envp[], const char *working_folder, const char *output_path,
    int output_flags, const struct clp_confinement *confinement, pid_t *pid, int *step) {
    int ends[2];
    *step = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    sigset_t all, former;
    sigfillset(&all);
    // No handler of this process may run in its copy.
    sigprocmask(SIG_SETMASK, &all, &former);
    pid_t child = fork();
    int error = errno;
    if (child == 0) become(path, argv, envp, working_folder, output_path, output_flags, confinement, ends[1]);
    sigprocmask(SIG_SETMASK, &former, NULL);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -error;
    }
    struct report report;
    ssize_t count;
    do {
        count = read(ends[0], &report, sizeof report);
    } while (count < 0 && errno == EINTR);
    close(ends[0]);
    if (count != sizeof report) {
        *pid = child;
        return 0;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    *step = report.step;
    return -report.error;
}

int clp_can_confine(const char *folder) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    pid_t child = fork();
    if (child == 0) {
        int error = enter_namespaces();
        if (!error) error = make_read_only(folder, folder);
        ssize_t ignored = write(ends[1], &error, sizeof error);
        (void)ignored;
        _exit(0);
    }
    int error = child < 0 ? -errno : -EIO;
    close(ends[1]);
    ssize_t count = -1;
    // By the pipe, and not by its exit status: another part of the process may reap children as well.
    do {
        count = child < 0 ? 0 : read(ends[0], &error, sizeof error);
    } while (count < 0 && errno == EINTR);
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return error;
}

int clp_user(const char *name, uid_t *user, gid_t *group, gid_t *groups, int most, char *home, int home_bytes) {
    char buffer[16384];
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (!found) {
        char *end = NULL;
        errno = 0;
        unsigned long number = strtoul(name, &end, 10);
        if (*name < '0' || *name > '9' || *end || errno || number >= 0xFFFFFFFFUL) return error ? -error : -ENOENT;
        error = getpwuid_r(number, &entry, buffer, sizeof buffer, &found);
        if (!found) {
            // A number is enough: containers have users without a name.
            *user = number;
            *group = number;
            snprintf(home, home_bytes, "/");
            if (most > 0) groups[0] = number;
            return most > 0 ? 1 : 0;
        }
    }
    *user = entry.pw_uid;
    *group = entry.pw_gid;
    snprintf(home, home_bytes, "%s", entry.pw_dir);
    int count = most;
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &count) < 0) return -E2BIG;
    return count;
}
