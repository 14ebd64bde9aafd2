import Glibc

/// A file that only takes up space, for the day when the disk is full: what served before can then still be started, and
/// decisions recorded, once more.
///
/// Whoever needs the space releases it and tries again. It is made anew when there is plenty of room.
struct SpaceReserve: Sendable {
    static let bytes = 4 << 20
    /// It is made where so many times its size is free: a small disk is not filled by it.
    static let plenty = 8

    /// Between two looks for room, while it is missing: on a disk without room one at each pass would be in vain.
    static let lookInterval = Duration.seconds(10)

    let path: String
    private var nextLookAt: ContinuousClock.Instant?

    init(path: String) { self.path = path }

    /// The disk is full where less is free: not enough for the files of one instance.
    static let leastFreeBytes = 256 << 10

    /// Releases it where the disk is full.
    /// - Returns: whether there is room now that was not there before, so that it is worth to try again.
    mutating func releaseWhereFull() -> Bool {
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
