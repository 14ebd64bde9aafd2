import Foundation

/// Which places on this machine may hold `file:` models.
///
/// By default (`allowed` is nil) every place is allowed, except those of the system, of other users and of the controller:
/// `/etc`, `/proc`, `/sys`, `/dev`, `/run`, `/boot`, the folders of container runtimes below `/var/lib`, homes of other users,
/// and hidden folders of the controller user's own home other than `.cache` and `.local`. With `allowed`, which a project's
/// policy sets, only paths below one of these folders are allowed. Such a folder may be in `/etc` or in another home. `/proc`,
/// `/sys`, `/dev` and the controller's own folders are never allowed.
///
/// Paths are compared after every symbolic link is resolved. A folder that contains a refused folder is refused too.
/// refused too.
package struct FileRoots: Hashable, Sendable {
    static let kernels = ["/proc", "/sys", "/dev"]
    static let systems = [
        "/etc", "/run", "/boot", "/var/run", "/var/spool/cron", "/var/lib/kubelet", "/var/lib/docker",
        "/var/lib/containerd", "/var/lib/private", "/var/log",
    ]
    static let homes = ["/home", "/root"]
    static let hiddenFoldersOfHome: Set<String> = [".cache", ".local"]

    /// Folders or files; nil allows all places except those of `systems` and of other users.
    package var allowed: [String]?
    /// Folders of the controller, above all its state folder.
    package var own: [String]
    /// The home of the user that the controller runs as.
    var home: String

    package init(allowed: [String]? = nil, own: [String] = [], home: String = NSHomeDirectory()) {
        self.allowed = allowed
        self.own = own
        self.home = home
    }

    /// The same roots for a project whose policy sets `allowed`.
    package func allowing(_ allowed: [String]?) -> FileRoots {
        FileRoots(allowed: allowed, own: own, home: home)
    }

    /// - Parameter path: absolute and without symbolic links.
    /// - Throws: `StorageError.notAllowed` with the reason and what to do.
    func check(_ path: String) throws(StorageError) {
        let own = self.own.map(Self.real)
        for folder in Self.kernels + own where Self.isBelow(path, folder) || Self.isBelow(folder, path) {
            let whose = own.contains(folder) ? "the controller" : "the kernel"
            let relation = Self.isBelow(path, folder) ? "belongs" : "contains \(folder), which belongs"
            throw Self.refusal(path, "it \(relation) to \(whose)", advice: nil)
        }
        if let allowed {
            guard allowed.contains(where: { Self.isBelow(path, Self.real($0)) }) else {
                throw Self.refusal(path, "it is not below an allowed folder", advice: allowed)
            }
            return
        }
        for folder in Self.systems where Self.isBelow(path, folder) || Self.isBelow(folder, path) {
            throw Self.refusal(path, "\(folder) belongs to the system", advice: [])
        }
        try checkHomes(path)
    }

    private func checkHomes(_ path: String) throws(StorageError) {
        let own = Self.real(home)
        guard !Self.isBelow(own, path) else {
            throw Self.refusal(path, "it contains hidden folders of a home, which may hold credentials", advice: [])
        }
        if Self.isBelow(path, own) {
            let first = path.dropFirst(own == "/" ? 1 : own.count + 1).prefix { $0 != "/" }
            guard first.utf8.first != UInt8(ascii: ".") || Self.hiddenFoldersOfHome.contains(String(first)) else {
                throw Self.refusal(path, "hidden folders of a home may hold credentials", advice: [])
            }
            return
        }
        for root in Self.homes where Self.isBelow(path, root) {
            throw Self.refusal(path, "it is in the home of another user", advice: [])
        }
    }

    private static func refusal(_ path: String, _ reason: String, advice allowed: [String]?) -> StorageError {
        let advice =
            switch allowed {
            case nil: "Put the model into another folder, such as /srv/models."
            case .some(let folders) where folders.isEmpty:
                "Put the model into another folder, such as /srv/models, or allow this folder in the project's policy "
                    + "(modelSources: file:…)."
            case .some(let folders): "Put the model below \(folders.joined(separator: " or "))."
            }
        return StorageError(.notAllowed, "\(path) may not be served as a model: \(reason). \(advice)")
    }

    /// Whether `path` is the folder, or is in it. Compares bytes: a combining mark after a slash belongs to a name.
    private static func isBelow(_ path: String, _ folder: String) -> Bool {
        path.utf8.elementsEqual(folder.utf8) || folder == "/"
            || path.utf8.starts(with: folder.utf8) && path.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
    }

    private static func real(_ path: String) -> String {
        FileTree.realPath(path) ?? URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
