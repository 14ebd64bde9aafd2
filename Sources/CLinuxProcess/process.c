#define _GNU_SOURCE
#include "CLinuxProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int add_actions(
    posix_spawn_file_actions_t *actions, const char *working_folder, const char *output_path, int output_flags) {
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_addopen(actions, 1, output_path, output_flags, 0600);
    if (error == 0) error = posix_spawn_file_actions_adddup2(actions, 1, 2);
    if (error == 0) error = posix_spawn_file_actions_addchdir_np(actions, working_folder);
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return error;
}

static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t all, none;
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    sigemptyset(&none);
    int error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0) error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0) {
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    return error;
}

int clp_spawn(
    const char *path, char *const argv[], char *const envp[], const char *working_folder, const char *output_path,
    int output_flags, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -error;
    }
    error = add_actions(&actions, working_folder, output_path, output_flags);
    if (error == 0) error = set_attributes(&attributes);
    if (error == 0) error = posix_spawn(pid, path, &actions, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

int clp_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno; }

// A pidfd is close-on-exec by itself.
int clp_pidfd_open(pid_t pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 ? (int)fd : -errno;
}

int clp_pidfd_send_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}

pid_t clp_reap(pid_t pid, int *status) {
    pid_t reaped;
    do {
        reaped = waitpid(pid, status, WNOHANG);
    } while (reaped < 0 && errno == EINTR);
    return reaped > 0 ? reaped : 0;
}

pid_t clp_ended_child(void) {
    siginfo_t about = {0};
    return waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) == 0 ? about.si_pid : 0;
}

int clp_exited(int status) { return WIFEXITED(status) ? 1 : 0; }
int clp_exit_code(int status) { return WEXITSTATUS(status); }
int clp_term_signal(int status) { return WTERMSIG(status); }

// Runs in a copy of a process that had many threads: only what is async-signal-safe may be called here.
static void guard_group(int owner, pid_t group, int grace_milliseconds) {
    const int step_milliseconds = 20;
    const struct timespec step = {.tv_nsec = step_milliseconds * 1000000L};
    setsid();
    prctl(PR_SET_NAME, "mlctl-guard", 0, 0, 0);
    if (dup2(owner, 0) < 0) _exit(1);
    closefrom(1);
    struct pollfd ended = {.fd = 0, .events = POLLIN};
    while (poll(&ended, 1, -1) < 0 && errno == EINTR) {}
    kill(-group, SIGTERM);
    for (int waited = 0; waited < grace_milliseconds && kill(-group, 0) == 0; waited += step_milliseconds) {
        nanosleep(&step, NULL);
    }
    kill(-group, SIGKILL);
    _exit(0);
}

pid_t clp_guard_group(int owner, pid_t group, int grace_milliseconds) {
    if (group <= 1) return -EINVAL;
    pid_t guard = fork();
    if (guard == 0) guard_group(owner, group, grace_milliseconds);
    return guard > 0 ? guard : -errno;
}

void clp_end_guard(pid_t guard) {
    if (guard <= 0) return;
    kill(guard, SIGKILL);
    while (waitpid(guard, NULL, 0) < 0 && errno == EINTR) {}
}

int clp_lock_exclusive(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }

int clp_claim_abstract_name(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length + 1 > sizeof(address.sun_path)) return -ENAMETOOLONG;
    memcpy(address.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (bind(fd, (struct sockaddr *)&address, size) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

static int try_bind(int family, const struct sockaddr *address, socklen_t size, int reuse) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (reuse) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    // Listening, not binding alone, is what meets another's SO_REUSEADDR or SO_REUSEPORT.
    int error = bind(fd, address, size) == 0 && listen(fd, 1) == 0 ? 0 : -errno;
    close(fd);
    return error;
}

static int try_bind_tcp(uint16_t port, int reuse) {
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_ANY)}};
    int error = try_bind(AF_INET, (struct sockaddr *)&v4, sizeof v4, reuse);
    if (error != 0) return error;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
    error = try_bind(AF_INET6, (struct sockaddr *)&v6, sizeof v6, reuse);
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL ? 0 : error;
}

int clp_try_bind_tcp(uint16_t port) { return try_bind_tcp(port, 0); }

int clp_try_listen_again(uint16_t port) { return try_bind_tcp(port, 1); }

int clp_connect_loopback(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int clp_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
    return -error;
}

static volatile int descriptor_of_signal[NSIG];

static void write_one_byte(int signal) {
    int saved = errno;
    ssize_t written = write(descriptor_of_signal[signal], "s", 1);
    (void)written;  // A full pipe wakes its reader as well as another byte would.
    errno = saved;
}

int clp_signal_to_descriptor(int signal, int fd) {
    if (signal <= 0 || signal >= NSIG) return -EINVAL;
    descriptor_of_signal[signal] = fd;
    struct sigaction action = {.sa_handler = write_one_byte, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL) == 0 ? 0 : -errno;
}

int clp_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : -errno; }

int clp_inotify_open(void) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

int clp_inotify_watch_folder(int fd, const char *path) {
    int watch = inotify_add_watch(
        fd, path, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ONLYDIR);
    return watch >= 0 ? watch : -errno;
}

void clp_limit_heap(int pools, int own_mapping_bytes, int unused_bytes) {
    mallopt(M_ARENA_MAX, pools);
    mallopt(M_MMAP_THRESHOLD, own_mapping_bytes);
    mallopt(M_TRIM_THRESHOLD, unused_bytes);
}

void clp_release_free_memory(void) { malloc_trim(0); }
