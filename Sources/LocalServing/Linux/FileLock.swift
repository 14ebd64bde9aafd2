import CLinuxProcess
import Glibc

/// A lock that the kernel gives back when its holder ends, however it ends (flock, close-on-exec).
public final class FileLock: Sendable {
    private let descriptor: Descriptor

    private init(_ descriptor: Descriptor) { self.descriptor = descriptor }

    private static let retryMicroseconds: UInt32 = 20_000

    /// - Parameter tries: more than one where somebody may just be looking whether it is held.
    /// - Returns: nil when another holds it.
    /// - Throws: `LocalServingError.stateUnreadable` when the file cannot be opened.
    public static func acquire(_ path: String, tries: Int = 1) throws -> FileLock? {
        var raw = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // A file that may only be read is locked as well: the disk may have become read-only.
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

    /// Whether somebody holds it now. Takes it for an instant to find out, so that a holder-to-be has to try twice.
    public static func isHeld(_ path: String) -> Bool {
        // Read-only, so that whoever watches the folder for the holder's end is not woken by this look.
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return false }
        let descriptor = Descriptor(raw)
        return withExtendedLifetime(descriptor) { clp_lock_exclusive(raw) != 0 }
    }
}
