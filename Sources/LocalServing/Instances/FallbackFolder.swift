import Glibc

/// The place of the proxy's control socket and log while the state folder is not writable, because its disk became read-only.
///
/// It is a private folder of this user outside the state folder. Every process finds it in the same way, from the user ID and the
/// state folder's device and inode. No environment variable decides where it is.
struct FallbackFolder: Hashable, Sendable {
    let folder: String
    private let name: String

    var socket: String { "\(folder)/\(name).sock" }
    var log: String { "\(folder)/\(name).log" }

    /// Possible parent folders, in order of preference.
    static var roots: [String] { ["/run/user/\(getuid())", "/dev/shm", "/tmp"] }

    /// The folders that exist.
    static func existing(for state: StateFolder, under roots: [String] = roots) -> [FallbackFolder] {
        places(for: state, under: roots).filter(\.isOurs)
    }

    /// The first folder that exists or can be created. Nil if none can.
    static func made(for state: StateFolder, under roots: [String] = roots) -> FallbackFolder? {
        places(for: state, under: roots).first { place in
            (mkdir(place.folder, 0o700) == 0 || errno == EEXIST) && place.isOurs && access(place.folder, W_OK) == 0
        }
    }

    private static func places(for state: StateFolder, under roots: [String]) -> [FallbackFolder] {
        var about = stat()
        guard stat(state.path, &about) == 0 else { return [] }
        let name = "proxy-\(String(about.st_dev, radix: 16))-\(String(about.st_ino, radix: 16))"
        return roots.map { FallbackFolder(folder: "\($0)/mlctl-\(getuid())", name: name) }
    }

    /// In a folder where everyone can write, another user may have created it first.
    private var isOurs: Bool {
        var about = stat()
        return lstat(folder, &about) == 0 && about.st_mode & S_IFMT == S_IFDIR && about.st_uid == geteuid()
            && about.st_mode & 0o077 == 0
    }
}
