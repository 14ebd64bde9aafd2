/// Decides which files of a tree are read, the same for a commit and for a folder on disk.
package struct TreePlan: Sendable {
    package enum Kind: Hashable, Sendable { case file, symbolicLink, submodule }

    private static let endings = [Array(".yaml".utf8), Array(".yml".utf8)]

    /// Whether a file's name is that of a manifest.
    package static func isManifest(_ path: some Collection<UInt8>) -> Bool {
        endings.contains { path.count > $0.count && path.suffix($0.count).elementsEqual($0) }
    }

    package static func isManifest(_ path: String) -> Bool { isManifest(Array(path.utf8)) }

    /// Whether an entry matters: manifests, and whatever may stand where a manifest was.
    package static func matters(_ kind: Kind, _ path: some Collection<UInt8>) -> Bool {
        switch kind {
        case .file: isManifest(path) || IgnoreRules.isIgnoreFile(path)
        case .symbolicLink, .submodule: true
        }
    }

    package var ignoring: IgnoreRules

    package init(ignoring: IgnoreRules = IgnoreRules()) { self.ignoring = ignoring }

    /// Whether the entry is part of what mlctl reads. `.mlctlignore` files are read before, and are none of it.
    package func includes(_ kind: Kind, _ path: String) -> Bool {
        let isOnlyForIgnoring = kind == .file && IgnoreRules.isIgnoreFile(Array(path.utf8)) && !Self.isManifest(path)
        return !isOnlyForIgnoring && !ignoring.ignores(path, isFolder: kind == .submodule)
    }
}
