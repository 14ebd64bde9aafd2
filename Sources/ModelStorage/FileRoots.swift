import Foundation

/// From which places of this machine `file:` models may come.
///
/// Without a word these are all but the system's, other people's and the controller's own: `/etc`, `/proc`, `/sys`, `/dev`,
/// `/run`, `/boot`, what container runtimes keep below `/var/lib`, homes of other users, and hidden folders of one's own home
/// but `.cache` and `.local`. With `allowed`, as a project's policy sets it, only what is below one of those: it may name
/// a folder of `/etc`, or of another home. Nobody may read from `/proc`, `/sys`, `/dev`, or from the controller's own folders.
///
/// Paths are compared as they are once every symbolic link is followed. A folder that holds one of the refused ones is
/// refused too.
public struct FileRoots: Hashable, Sendable {
    static let kernels = ["/proc", "/sys", "/dev"]
    static let systems = [
        "/etc", "/run", "/boot", "/var/run", "/var/spool/cron", "/var/lib/kubelet", "/var/lib/docker",
        "/var/lib/containerd", "/var/lib/private", "/var/log",
    ]
    static let homes = ["/home", "/root"]
    static let hiddenFoldersOfHome: Set<String> = [".cache", ".local"]

    /// Folders or files; nil: all but those of `systems` and of other people.
    public var allowed: [String]?
    /// The controller's: the state folder above all.
    public var own: [String]
    /// Of the user that the controller runs as.
    var home: String

    public init(allowed: [String]? = nil, own: [String] = [], home: String = NSHomeDirectory()) {
        self.allowed = allowed
        self.own = own
        self.home = home
    }

    /// The same for a project, whose policy allows less.
    public func allowing(_ allowed: [String]?) -> FileRoots {
        FileRoots(allowed: allowed, own: own, home: home)
    }

    /// - Parameter path: absolute, and real: without symbolic links.
    /// - Throws: `StorageError.notAllowed` with the reason and what to do.
    func check(_ path: String) throws(StorageError) {
        let own = self.own.map(Self.real)
        for folder in Self.kernels + own where Self.isBelow(path, folder) || Self.isBelow(folder, path) {
            let whose = own.contains(folder) ? "the controller's own" : "the kernel's own"
            throw Self.refusal(path, "it \(Self.isBelow(path, folder) ? "is" : "holds what is") \(whose)", advice: nil)
        }
        if let allowed {
            guard allowed.contains(where: { Self.isBelow(path, Self.real($0)) }) else {
                throw Self.refusal(path, "it is below none of the folders that are allowed", advice: allowed)
            }
            return
        }
        for folder in Self.systems where Self.isBelow(path, folder) || Self.isBelow(folder, path) {
            throw Self.refusal(path, "\(folder) is the system's", advice: [])
        }
        try checkHomes(path)
    }

    private func checkHomes(_ path: String) throws(StorageError) {
        let own = Self.real(home)
        guard !Self.isBelow(own, path) else {
            throw Self.refusal(path, "it holds hidden folders of a home, with credentials in them", advice: [])
        }
        if Self.isBelow(path, own) {
            let first = path.dropFirst(own == "/" ? 1 : own.count + 1).prefix { $0 != "/" }
            guard first.utf8.first != UInt8(ascii: ".") || Self.hiddenFoldersOfHome.contains(String(first)) else {
                throw Self.refusal(path, "hidden folders of a home hold credentials", advice: [])
            }
            return
        }
        for root in Self.homes where Self.isBelow(path, root) {
            throw Self.refusal(path, "it is in another user's home", advice: [])
        }
    }

    private static func refusal(_ path: String, _ reason: String, advice allowed: [String]?) -> StorageError {
        let advice =
            switch allowed {
            case nil: "Put the model elsewhere, such as below /srv/models."
            case .some(let folders) where folders.isEmpty:
                "Put the model elsewhere, such as below /srv/models, or let the project's policy allow this folder "
                    + "(modelSources: file:…)."
            case .some(let folders): "Put the model below \(folders.joined(separator: " or "))."
            }
        return StorageError(.notAllowed, "\(path) may not be served as a model: \(reason). \(advice)")
    }

    /// Whether it is the folder, or in it. By bytes: a combining mark after a slash is part of a name.
    private static func isBelow(_ path: String, _ folder: String) -> Bool {
        path.utf8.elementsEqual(folder.utf8) || folder == "/"
            || path.utf8.starts(with: folder.utf8) && path.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
    }

    private static func real(_ path: String) -> String {
        FileTree.realPath(path) ?? URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
