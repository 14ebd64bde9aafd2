import Foundation
import Glibc

/// Why a controller cannot keep anything in its state folder, and what to do: found by trying to write there, once
/// something has failed. Nothing that serves is touched by it.
struct StateFolderFault: Error, Hashable, Sendable, CustomStringConvertible {
    enum Cause: Hashable, Sendable {
        /// Something else is there, or on the way there.
        case noFolder(String)
        /// The file system takes no changes.
        case readOnly
        case full
        case overQuota
        /// This user may not write there.
        case denied
        case other(String)
    }

    var folder: String
    var cause: Cause
    var user: UInt32

    /// As much is written to find out, and removed again.
    static let trialBytes = 64 << 10

    /// - Parameters:
    ///   - folder: where it is, or is to be.
    ///   - write: makes a file, writes so many bytes to the disk and removes it; gives `errno`, or 0.
    /// - Returns: nil where the folder takes files.
    static func find(
        _ folder: String, user: UInt32 = geteuid(), write: (_ folder: String, _ bytes: Int) -> Int32 = tryToWrite
    ) -> StateFolderFault? {
        func fault(_ cause: Cause) -> StateFolderFault { StateFolderFault(folder: folder, cause: cause, user: user) }
        // Where it is still to be made, its nearest parent has to take it.
        var nearest = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        var about = stat()
        while stat(nearest, &about) != 0, nearest != "/", nearest.contains("/") {
            let parent = nearest[..<(nearest.lastIndex(of: "/") ?? nearest.startIndex)]
            nearest = parent.isEmpty ? "/" : String(parent)
        }
        guard about.st_mode & S_IFMT == S_IFDIR else { return fault(.noFolder(nearest)) }
        return switch write(nearest, trialBytes) {
        case 0: nil
        case EROFS: fault(.readOnly)
        case ENOSPC: fault(.full)
        case EDQUOT: fault(.overQuota)
        case EACCES, EPERM: fault(.denied)
        case let number: fault(.other(String(cString: strerror(number))))
        }
    }

    static func tryToWrite(_ folder: String, _ bytes: Int) -> Int32 {
        let path = "\(folder)/.mlctl-trial-\(getpid())"
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return errno }
        defer {
            close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 0x5A, count: bytes)
        var written = 0
        while written < bytes {
            let count = block[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            written += count
        }
        return fsync(file) == 0 ? 0 : errno
    }

    var description: String {
        "the controller cannot keep anything in its state folder \(folder), so it does not start: \(reason). "
            + "\(advice), or give another --state-dir. What serves now goes on serving"
    }

    private var reason: String {
        switch cause {
        case .noFolder(let path): "\(path) is no folder"
        case .readOnly: "its file system is mounted read-only"
        case .full: "its disk is full"
        case .overQuota: "user \(user) has used up the quota of its disk"
        case .denied: "user \(user) may not write there"
        case .other(let text): text
        }
    }

    private var advice: String {
        switch cause {
        case .noFolder: "Move that aside"
        case .readOnly: "Mount it writable again ('dmesg' says whether the kernel found errors on it)"
        case .full: "Free some space"
        case .overQuota: "Free some space of that user's, or raise the quota"
        case .denied: "chown \(user) \(folder), or run the controller as the folder's owner"
        case .other: "Check that disk"
        }
    }
}
