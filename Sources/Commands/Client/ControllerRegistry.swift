import ControlAPI
import Foundation
import Glibc

/// The running controllers of this user, by the ports of their APIs. With it a command that gets an address finds the state
/// folder, and needs no token.
///
/// Stored in a private folder of this user, at a place that the environment cannot change: `mlctl-UID` in `/run/user/UID`,
/// `/dev/shm` or `/tmp`.
struct ControllerRegistry {
    struct Entry: Codable, Hashable {
        var api: String
        var stateDirectory: String
    }

    private static let mostBytes = 16 << 10

    var roots = ["/run/user/\(getuid())", "/dev/shm", "/tmp"]

    private var folders: [String] { roots.map { "\($0)/mlctl-\(getuid())" } }

    /// A failure does not stop the controller: commands then need `--state-dir`.
    func register(_ entry: Entry, port: Int) {
        guard let data = try? JSONEncoder().encode(entry) else { return }
        for folder in folders where mkdir(folder, 0o700) == 0 || errno == EEXIST {
            guard Self.isOurs(folder) else { continue }
            prune(folder)
            let file = URL(filePath: "\(folder)/\(Self.name(port))")
            guard (try? data.write(to: file, options: .atomic)) != nil else { continue }
            chmod(file.path(percentEncoded: false), 0o600)
            return
        }
    }

    /// - Parameter entry: the registered entry. An entry of another controller stays.
    func remove(_ entry: Entry, port: Int) {
        for folder in folders where Self.isOurs(folder) && read(folder, port) == entry {
            unlink("\(folder)/\(Self.name(port))")
        }
    }

    func entries(port: Int) -> [Entry] {
        folders.filter(Self.isOurs).compactMap { read($0, port) }
    }

    /// Removes the entries of controllers that were killed.
    private func prune(_ folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names.prefix(Self.mostPruned) where name.hasPrefix("controller-") {
            var about = stat()
            let path = "\(folder)/\(name)"
            guard stat(path, &about) == 0, time(nil) - about.st_mtim.tv_sec > Self.youthSeconds,
                let entry = read(path)
            else { continue }
            let state = URL(filePath: entry.stateDirectory, directoryHint: .isDirectory)
            if !ControllerRecord.hasSocket(in: state) { unlink(path) }
        }
    }

    private static let mostPruned = 10_000
    /// A controller that is starting has no socket yet, so young entries are kept.
    private static let youthSeconds = 3600

    private func read(_ folder: String, _ port: Int) -> Entry? { read("\(folder)/\(Self.name(port))") }

    private func read(_ path: String) -> Entry? {
        guard let bytes = try? TokenFile.bytes(of: path, most: Self.mostBytes) else { return nil }
        return try? JSONDecoder().decode(Entry.self, from: Data(bytes))
    }

    private static func name(_ port: Int) -> String { "controller-\(port).json" }

    /// In a folder that everybody can write to, another user may have created it first.
    private static func isOurs(_ folder: String) -> Bool {
        var about = stat()
        return lstat(folder, &about) == 0 && about.st_mode & S_IFMT == S_IFDIR && about.st_uid == geteuid()
            && about.st_mode & 0o077 == 0
    }
}
