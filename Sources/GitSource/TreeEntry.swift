/// One path of a tree, parsed from the output of `git ls-tree` or `git diff-tree`.
struct TreeEntry: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case file, symbolicLink, submodule }

    var path: String
    var kind: Kind
    var id: String
    /// False if the name is not UTF-8; `path` is then an approximation.
    var hasReadableName = true

    static let endings = [Array(".yaml".utf8), Array(".yml".utf8)]

    static func isManifest(_ path: some Collection<UInt8>) -> Bool {
        endings.contains { path.count > $0.count && path.suffix($0.count).elementsEqual($0) }
    }

    init?(mode: some Collection<UInt8>, id: some Collection<UInt8>, path: some Collection<UInt8>) {
        guard Self.isManifest(path) else { return nil }
        // The first two octal digits of a mode are the file type.
        switch String(decoding: mode.prefix(2), as: UTF8.self) {
        case "10": kind = .file
        case "12": kind = .symbolicLink
        case "16": kind = .submodule
        default: return nil
        }
        self.id = String(decoding: id, as: UTF8.self)
        self.path = String(decoding: path, as: UTF8.self)
        hasReadableName = self.path.utf8.elementsEqual(path)
    }

    /// Parses `git ls-tree -r -z`: `mode SP type SP id TAB path NUL`.
    static func entries(ofListing bytes: [UInt8]) -> [TreeEntry] {
        var entries: [TreeEntry] = []
        for record in bytes.split(separator: 0) {
            guard let tab = record.firstIndex(of: UInt8(ascii: "\t")), isManifest(record) else { continue }
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

    /// Parses `git diff-tree -r -z --no-renames`: `:mode mode id id status NUL path NUL`.
    init(_ bytes: [UInt8]) {
        let records = bytes.split(separator: 0)
        for index in stride(from: 0, to: records.count - records.count % 2, by: 2) {
            let fields = records[index].dropFirst().split(separator: UInt8(ascii: " "))
            let path = records[index + 1]
            guard fields.count == 5, TreeEntry.isManifest(path) else { continue }
            removed.insert(String(decoding: path, as: UTF8.self))
            if fields[4].first != UInt8(ascii: "D"), let entry = TreeEntry(mode: fields[1], id: fields[3], path: path) {
                present.append(entry)
            }
        }
        removed.subtract(present.map(\.path))
    }
}
