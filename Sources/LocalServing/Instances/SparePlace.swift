import Glibc

/// Where the proxy's control socket and its log are while the state folder takes no files: its disk has become read-only.
///
/// A folder of this user's alone, outside the state folder, and found by everybody in the same way: by the user, and by the
/// state folder's device and inode. Nothing of the environment says where.
struct SparePlace: Hashable, Sendable {
    let folder: String
    private let name: String

    var socket: String { "\(folder)/\(name).sock" }
    var log: String { "\(folder)/\(name).log" }

    /// Where such folders may lie, the best first.
    static var roots: [String] { ["/run/user/\(getuid())", "/dev/shm", "/tmp"] }

    /// The folders that are there.
    static func existing(for state: StateFolder, under roots: [String] = roots) -> [SparePlace] {
        places(for: state, under: roots).filter(\.isOurs)
    }

    /// The first folder that is there or can be made. Nil where none can.
    static func made(for state: StateFolder, under roots: [String] = roots) -> SparePlace? {
        places(for: state, under: roots).first { place in
            (mkdir(place.folder, 0o700) == 0 || errno == EEXIST) && place.isOurs && access(place.folder, W_OK) == 0
        }
    }

    private static func places(for state: StateFolder, under roots: [String]) -> [SparePlace] {
        var about = stat()
        guard stat(state.path, &about) == 0 else { return [] }
        let name = "proxy-\(String(about.st_dev, radix: 16))-\(String(about.st_ino, radix: 16))"
        return roots.map { SparePlace(folder: "\($0)/mlctl-\(getuid())", name: name) }
    }

    /// In a folder that all may write to, somebody else may have been there first.
    private var isOurs: Bool {
        var about = stat()
        return lstat(folder, &about) == 0 && about.st_mode & S_IFMT == S_IFDIR && about.st_uid == geteuid()
            && about.st_mode & 0o077 == 0
    }
}
