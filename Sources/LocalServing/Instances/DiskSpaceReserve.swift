import Glibc

/// A file that only occupies disk space. When the disk is full, releasing it makes room to start again what served before, and to
/// record decisions.
///
/// Code that needs the space releases it and retries. It is created again when enough space is free.
struct DiskSpaceReserve: Sendable {
    static let bytes = 4 << 20
    /// The file is created only if this many times its size is free, so that it does not fill a small disk.
    static let plenty = 8

    /// Between two looks for room, while it is missing: on a disk without room one at each pass would be in vain.
    static let lookInterval = Duration.seconds(10)

    let path: String
    private var nextLookAt: ContinuousClock.Instant?

    init(path: String) { self.path = path }

    /// The disk counts as full if less is free: too little for the files of one instance.
    static let leastFreeBytes = 256 << 10

    /// Releases it where the disk is full.
    /// - Returns: whether there is room now that was not there before, so that it is worth to try again.
    mutating func releaseIfFull() -> Bool {
        guard freeBytes < Self.leastFreeBytes, unlink(path) == 0 else { return false }
        nextLookAt = nil
        return true
    }

    /// Makes it where it is missing and there is plenty of room. Where that fails, all works as it does without.
    mutating func restore(now: ContinuousClock.Instant = .now) {
        if let nextLookAt, now < nextLookAt { return }
        nextLookAt = now + Self.lookInterval
        guard access(path, F_OK) != 0, freeBytes >= Self.bytes * Self.plenty else { return }
        let raw = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard raw >= 0 else { return }
        let isMade = posix_fallocate(raw, 0, off_t(Self.bytes)) == 0
        close(raw)
        if !isMade { unlink(path) }
    }

    private var freeBytes: Int {
        var disk = statvfs()
        guard statvfs(path.parentFolder, &disk) == 0 else { return 0 }
        return Int(disk.f_bavail) * Int(disk.f_frsize)
    }
}

extension String {
    fileprivate var parentFolder: String { lastIndex(of: "/").map { String(self[..<$0]) } ?? "." }
}
