/// A file's properties, which decide whether it is trusted (lstat).
struct FileFacts: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case folder
        case file
        case link(to: String)
        /// A socket, a pipe or a device.
        case other
    }

    var kind: Kind
    var owner: UInt32
    var group: UInt32
    /// The twelve permission bits.
    var mode: UInt32
    /// A file system is mounted there.
    var isMountPoint = false

    var isOpenToOthersWriting: Bool { mode & 0o002 != 0 }
    var isOpenToGroupWriting: Bool { mode & 0o020 != 0 }
    /// Only its owner may rename or remove a file in this folder.
    var isSticky: Bool { mode & 0o1000 != 0 }

    var octalMode: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

/// Why a file is not trusted, and what to do about it.
struct TrustProblem: Error, Hashable, Sendable, CustomStringConvertible {
    var path: String
    var reason: String
    var advice: String

    var description: String { "\(path): \(reason). \(advice)" }
}
