import ModelManifests

/// One path of a tree, parsed from the output of `git ls-tree` or `git diff-tree`.
///
/// Only entries that matter to a reader of manifests are kept: see `TreePlan.matters`.
struct TreeEntry: Hashable, Sendable {
    var path: String
    var kind: TreePlan.Kind
    var id: String
    /// False if the name is not UTF-8; `path` is then an approximation.
    var hasReadableName = true

    init?(mode: some Collection<UInt8>, id: some Collection<UInt8>, path: some Collection<UInt8>) {
        // The first two octal digits of a mode are the file type.
        switch String(decoding: mode.prefix(2), as: UTF8.self) {
        case "10": kind = .file
        case "12": kind = .symbolicLink
        case "16": kind = .submodule
        default: return nil
        }
        guard TreePlan.matters(kind, path) else { return nil }
        self.id = String(decoding: id, as: UTF8.self)
        self.path = String(decoding: path, as: UTF8.self)
        hasReadableName = self.path.utf8.elementsEqual(path)
    }

    /// Parses `git ls-tree -r -z`: `mode SP type SP id TAB path NUL`.
    static func entries(ofListing bytes: [UInt8]) -> [TreeEntry] {
        var entries: [TreeEntry] = []
        for record in bytes.split(separator: 0) {
            guard let tab = record.firstIndex(of: UInt8(ascii: "\t")) else { continue }
            let fields = record[..<tab].split(separator: UInt8(ascii: " "), maxSplits: 2)
            guard fields.count == 3 else { continue }
            if let entry = TreeEntry(mode: fields[0], id: fields[2], path: record[(tab + 1)...]) {
                entries.append(entry)
            }
        }
        return entries
    }
}

/// The differences between two trees.
struct TreeChange: Hashable, Sendable {
    var removed: Set<String> = []
    var present: [TreeEntry] = []

    /// Whether the rules for ignoring may have changed, or a name may be written in several ways. Then all of the tree is read.
    var needsWholeListing: Bool {
        (removed.union(present.map(\.path))).contains {
            IgnoreRules.isIgnoreFile(Array($0.utf8)) || !$0.utf8.allSatisfy { $0 < 0x80 }
        }
    }

    /// Parses `git diff-tree -r -z --no-renames`: `:mode mode id id status NUL path NUL`.
    init(_ bytes: [UInt8]) {
        let records = bytes.split(separator: 0)
        for index in stride(from: 0, to: records.count - records.count % 2, by: 2) {
            let fields = records[index].dropFirst().split(separator: UInt8(ascii: " "))
            let path = records[index + 1]
            guard fields.count == 5 else { continue }
            if TreeEntry(mode: fields[0], id: fields[2], path: path) != nil {
                removed.insert(String(decoding: path, as: UTF8.self))
            }
            if fields[4].first != UInt8(ascii: "D"), let entry = TreeEntry(mode: fields[1], id: fields[3], path: path) {
                present.append(entry)
            }
        }
        removed.subtract(present.map(\.path))
    }
}
