import CLinuxProcess
import Glibc

/// A file lock that the kernel releases when its holder ends, for whatever reason (flock, close-on-exec).
package final class FileLock: Sendable {
    private let descriptor: Descriptor

    private init(_ descriptor: Descriptor) { self.descriptor = descriptor }

    private static let retryMicroseconds: UInt32 = 20_000

    /// - Parameter tries: use more than one if another process may be checking the lock at this moment.
    /// - Returns: nil if another process holds the lock.
    /// - Throws: `LocalServingError.stateUnreadable` if the file cannot be opened.
    package static func acquire(_ path: String, tries: Int = 1) throws -> FileLock? {
        var raw = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // A file that can only be read is locked as well, because the disk may have become read-only.
        if raw < 0 { raw = open(path, O_RDONLY | O_CLOEXEC) }
        guard raw >= 0 else {
            throw LocalServingError(
                .stateUnreadable, "\(path) cannot be opened: \(SystemError.last). Check the folder and its owner.")
        }
        let descriptor = Descriptor(raw)
        for attempt in 1...max(tries, 1) {
            if clp_lock_exclusive(raw) == 0 { return FileLock(descriptor) }
            if attempt < tries { usleep(retryMicroseconds) }
        }
        return nil
    }

    /// Whether a process holds the lock now. Takes the lock for a moment to find out, so another process may have to try twice.
    package static func isHeld(_ path: String) -> Bool {
        // Opened read-only, so that this check does not wake a watcher that waits for the holder to end.
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return false }
        let descriptor = Descriptor(raw)
        return withExtendedLifetime(descriptor) { clp_lock_exclusive(raw) != 0 }
    }
}
