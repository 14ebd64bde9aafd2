import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The proxy's files. Only its user can read them.
package struct ProxyFiles: Hashable, Sendable {
    /// `STATE-DIR/proxy`
    package let directory: String

    package init(stateDirectory: String) {
        // Dropping a trailing slash saves a byte: socket addresses have little room for a path.
        let isSlashed = stateDirectory.count > 1 && stateDirectory.hasSuffix("/")
        directory = (isSlashed ? String(stateDirectory.dropLast()) : stateDirectory) + "/proxy"
    }

    /// The control socket: HTTP/1.1 over a Unix domain socket.
    package var controlSocket: String { directory + "/control.sock" }
    /// The last routes, as JSON.
    package var routes: String { directory + "/routes.json" }
    /// See `RequestIdentityKey`.
    package var requestIdKey: String { directory + "/" + RequestIdentityKey.fileName }
    /// One file per A/B test.
    var keptUsers: String { directory + "/kept-users" }
    /// Locked while a proxy runs.
    package var lock: String { directory + "/lock" }

    func create() throws {
        for path in [String(directory.dropLast("/proxy".count)), directory] where mkdir(path, 0o700) != 0 {
            guard errno == EEXIST else {
                throw ProxyError(
                    .stateDirectory,
                    "cannot create \(path): \(errnoText()). Choose another --state-dir, or correct its owner.")
            }
        }
        var about = stat()
        // On a read-only disk chmod fails, but the mode may already be right.
        if stat(directory, &about) == 0, about.st_mode & 0o777 == 0o700 { return }
        guard chmod(directory, 0o700) == 0 else {
            throw ProxyError(.stateDirectory, "cannot restrict \(directory) to its user: \(errnoText())")
        }
    }
}

/// Allows only one proxy per state directory. The kernel releases the lock when the process ends, for whatever reason.
struct ProxyLock: ~Copyable {
    private let descriptor: Int32

    init(_ files: ProxyFiles) throws {
        let opened = open(files.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // A file that can only be read is locked as well, because the disk may have become read-only.
        descriptor = opened >= 0 ? opened : open(files.lock, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ProxyError(.stateDirectory, "cannot open \(files.lock): \(errnoText())")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let taken = errno == EWOULDBLOCK
            let reason = errnoText()
            close(descriptor)
            throw ProxyError(
                taken ? .alreadyRunning : .stateDirectory,
                taken
                    ? "another proxy uses \(files.directory). Stop it with 'mlctl down', or choose another --state-dir."
                    : "cannot lock \(files.lock): \(reason)")
        }
    }

    deinit { close(descriptor) }
}

func errnoText() -> String { String(cString: strerror(errno)) }
