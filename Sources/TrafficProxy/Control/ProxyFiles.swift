import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the proxy keeps what it owns, all of it readable by its user alone.
public struct ProxyFiles: Hashable, Sendable {
    /// `STATE-DIR/proxy`
    public let directory: String

    public init(stateDirectory: String) {
        // A path has only so much room in a socket's address.
        let isSlashed = stateDirectory.count > 1 && stateDirectory.hasSuffix("/")
        directory = (isSlashed ? String(stateDirectory.dropLast()) : stateDirectory) + "/proxy"
    }

    /// The control socket: HTTP/1.1 over a UNIX domain socket.
    public var controlSocket: String { directory + "/control.sock" }
    /// The last routes, as JSON.
    public var routes: String { directory + "/routes.json" }
    /// See `RequestIdentityKey`.
    public var requestIdKey: String { directory + "/" + RequestIdentityKey.fileName }
    /// A file for each A/B test.
    var keptUsers: String { directory + "/kept-users" }
    /// Locked while a proxy runs.
    public var lock: String { directory + "/lock" }

    func create() throws {
        for path in [String(directory.dropLast("/proxy".count)), directory] where mkdir(path, 0o700) != 0 {
            guard errno == EEXIST else {
                throw ProxyError(
                    .stateDirectory, "cannot create \(path): \(errnoText()): choose another --state-dir, or its owner")
            }
        }
        var about = stat()
        // On a disk that takes no more changes it is as it was made.
        if stat(directory, &about) == 0, about.st_mode & 0o777 == 0o700 { return }
        guard chmod(directory, 0o700) == 0 else {
            throw ProxyError(.stateDirectory, "cannot restrict \(directory) to its user: \(errnoText())")
        }
    }
}

/// One proxy for each state directory: the lock goes with the process, however it ends.
struct ProxyLock: ~Copyable {
    private let descriptor: Int32

    init(_ files: ProxyFiles) throws {
        let opened = open(files.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // A file that may only be read is locked as well: the disk may have become read-only.
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
                    ? "another proxy runs on \(files.directory): stop it ('mlctl down'), or choose another --state-dir"
                    : "cannot lock \(files.lock): \(reason)")
        }
    }

    deinit { close(descriptor) }
}

func errnoText() -> String { String(cString: strerror(errno)) }
