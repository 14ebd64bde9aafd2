import Glibc

/// A file that only occupies disk space. When the disk is full, releasing it makes room to start again what served before, and to
/// record decisions.
///
/// Code that needs the space releases it and retries. It is created again when enough space is free.
struct DiskSpaceReserve: Sendable {
    static let bytes = 4 << 20
    /// The file is created only if this many times its size is free, so that it does not fill a small disk.
    static let plenty = 8

    let path: String
    /// The file is there, so no look at the disk is needed.
    private var isMade = false

    init(path: String) { self.path = path }

    /// The disk counts as full if less is free: too little for the files of one instance.
    static let leastFreeBytes = 256 << 10

    /// Deletes the file if the disk is full.
    /// - Returns: whether this made room, so that trying again is worthwhile.
    mutating func releaseIfFull() -> Bool {
        guard freeBytes < Self.leastFreeBytes, unlink(path) == 0 else { return false }
        isMade = false
        return true
    }

    /// Creates the file if it is missing and enough space is free. If that fails, everything works without it.
    mutating func restore() {
        guard !isMade else { return }
        isMade = access(path, F_OK) == 0 || create()
    }

    private func create() -> Bool {
        guard freeBytes >= Self.bytes * Self.plenty else { return false }
        let raw = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard raw >= 0 else { return false }
        let isAllocated = posix_fallocate(raw, 0, off_t(Self.bytes)) == 0
        close(raw)
        if !isAllocated { unlink(path) }
        return isAllocated
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
