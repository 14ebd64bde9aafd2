#pragma once

#include <stdint.h>
#include <sys/types.h>

// What Swift's Glibc module does not import, or imports under a name that clashes. Every function returns 0 (or a
// descriptor) on success and a negative errno on failure, unless it says otherwise. Descriptors are close-on-exec.

/// Starts a program without a shell: in a session of its own, with no signal blocked or ignored, stdin from /dev/null,
/// stdout and stderr opened from `output_path` with `output_flags`, and no other descriptor.
/// @return 0 and the process in `*pid`, or a negative errno: the file actions' or the program's own.
int clp_spawn(
    const char *path, char *const argv[], char *const envp[], const char *working_folder, const char *output_path,
    int output_flags, pid_t *pid);

/// Orphaned descendants become children of this process, not of init.
int clp_become_subreaper(void);

/// What a program is shown of the machine, and as whom it runs.
struct clp_confinement {
    /// A folder that it can read and not write, with all that is below; NULL: none. Root can undo that in no other way than
    /// through other processes.
    const char *read_only;
    /// A folder of which it sees nothing but `kept_read_only` and `kept_writable`, which lie below it; NULL: none.
    const char *hidden;
    const char *kept_read_only;
    const char *kept_writable;
    /// Whether it becomes another user; with him his groups. Needs root.
    int changes_user;
    uid_t user;
    gid_t group;
    const gid_t *groups;
    int group_count;
};

/// As `clp_spawn`, in a mount namespace of its own, and in a user namespace where this process is not root.
/// @return 0 and the process in `*pid`, or a negative errno; `*step` says at what: 0 start, 1 namespaces, 2 mounts, 3 user,
///   4 the program itself.
int clp_spawn_confined(
    const char *path, char *const argv[], char *const envp[], const char *working_folder, const char *output_path,
    int output_flags, const struct clp_confinement *confinement, pid_t *pid, int *step);

/// Whether a mount namespace can be made, and a folder made read-only in it: 0, or a negative errno. Tried in a child.
int clp_can_confine(const char *folder);

/// A user's id, group and groups by name or number.
/// @return how many groups, or a negative errno: -ENOENT where there is none.
int clp_user(const char *name, uid_t *user, gid_t *group, gid_t *groups, int most, char *home, int home_bytes);

/// A descriptor that polls readable when the process has ended.
int clp_pidfd_open(pid_t pid);
int clp_pidfd_send_signal(int pidfd, int signal);

/// Reaps one ended child.
/// @return the pid with its wait status in `*status`; 0: it has not ended (or there is none).
pid_t clp_reap(pid_t pid, int *status);
/// A child that has ended and is not yet reaped; 0: there is none.
pid_t clp_ended_child(void);
int clp_exited(int status);
int clp_exit_code(int status);
int clp_term_signal(int status);

/// Starts a small process that waits until `owner`, a pidfd, polls readable, and then ends the process group `group`:
/// SIGTERM, and SIGKILL where some of it is left after `grace_milliseconds`. It is in a session of its own, holds no other
/// descriptor, and is this process's child.
/// @return its pid, or a negative errno.
pid_t clp_guard_group(int owner, pid_t group, int grace_milliseconds);
/// Ends a guard at once, and reaps it.
void clp_end_guard(pid_t guard);

/// flock(2), exclusive, without waiting: 0, or -EWOULDBLOCK when another holds it.
int clp_lock_exclusive(int fd);

/// Binds (and does not listen on) an abstract unix socket: a name that one process of the machine can hold at a time,
/// and that the kernel gives back when it ends.
/// @return the descriptor that holds the name.
int clp_claim_abstract_name(const char *name);

/// Whether a TCP listener could bind `port` on every address now: 0, or a negative errno.
int clp_try_bind_tcp(uint16_t port);
/// The same for a port that was ours a moment ago: connections that have ended, and are remembered for a minute, do not
/// count.
int clp_try_listen_again(uint16_t port);

/// Starts a non-blocking connection to 127.0.0.1.
/// @return the descriptor; it polls writable when connected or refused (see `clp_socket_error`).
int clp_connect_loopback(uint16_t port);
int clp_socket_error(int fd);

/// The port that this end of a connection has, or a negative errno.
int clp_local_port(int fd);

/// A connection of the machine's own to one of its ports.
struct clp_connection {
    /// The other end's port, and the address family above it: what tells connections apart on one machine.
    uint32_t peer;
    /// 0: the listener's side has closed it a moment ago, and the kernel remembers it for a minute.
    int is_open;
    /// The other end has sent something since it was last answered.
    int is_waiting;
    /// What the other end has acknowledged so far: answers that arrived.
    uint64_t acknowledged_bytes;
};

/// The connections to `port`, open ones and those that were closed from there (sock_diag(7)).
/// @return how many, at most `most`, or a negative errno where the kernel does not tell.
int clp_connections_at(uint16_t port, struct clp_connection *found, int most);

/// From now on `signal` writes one byte to `fd`, which must be non-blocking and stay open.
int clp_signal_to_descriptor(int signal, int fd);

/// A pipe that blocks neither side: `ends[0]` reads, `ends[1]` writes.
int clp_pipe(int ends[2]);

int clp_inotify_open(void);
/// Watches a folder for files created, renamed into place, deleted, and closed after they were open for writing.
/// @return the watch.
int clp_inotify_watch_folder(int fd, const char *path);

/// At most so many pools of memory for all threads together: each keeps what was freed in it. What takes `own_mapping_bytes`
/// or more is mapped by itself, and goes back to the system when it is freed; without a word the allocator raises that
/// limit to 32 MiB by itself. `unused_bytes` at the end of a pool go back at once.
void clp_limit_heap(int pools, int own_mapping_bytes, int unused_bytes);
/// What is free goes back to the system.
void clp_release_free_memory(void);

/// A file in memory that has no name in any folder, at its beginning. Nobody but this process, its children and its own
/// user can read it.
/// @return its descriptor, or a negative errno.
int clp_memory_file(const char *label, const uint8_t *bytes, long count);

/// Moves the environment out of the memory that `/proc/<pid>/environ` shows, and wipes that memory. Variables keep their
/// values for this process. Call it while there is one thread.
/// @return 0, or -ENOMEM: then nothing is changed.
int clp_hide_environment(void);

/// Wipes what stands before the `@` of addresses (`https://user:password@host`) in the memory that `/proc/<pid>/cmdline`
/// shows. Whoever needs the arguments copies them first.
void clp_hide_addresses_in_arguments(void);

/// Opens a file below the folder `folder`, following no symbolic link on the way, and waiting for nobody.
/// @param path relative, without `.` and `..`.
/// @return its descriptor, or a negative errno; -EINVAL for what is no plain file, or lies in one of the kernel's own
///   file systems.
int clp_open_below(int folder, const char *path);

/// Opens a folder, or a file, by its whole path, of which no part is a symbolic link by now.
/// @return its descriptor, or a negative errno; -ELOOP where it leads somewhere else than the path says.
int clp_open_resolved(const char *path, int is_folder);

/// Whether the kernel says that somebody keeps its clock right (adjtimex(2)), and how far off it may be.
/// @return 0, or a negative errno.
int clp_clock_state(int *is_synchronised, long *greatest_error_microseconds);
