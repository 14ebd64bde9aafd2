/// `kind: List`, as `kubectl get -o yaml` writes it: each of its items is a document.
enum ManifestList {
    private static let kinds: Set<String> = Set(["List"]).union(ManifestKind.allCases.map { "\($0.rawValue)List" })

    /// - Returns: nil where the document is no list of objects.
    static func items(of root: SourceNode) -> [SourceNode]? {
        guard let kind = root["kind"]?.text, kinds.contains(kind), let apiVersion = root["apiVersion"]?.text,
            apiVersion == "v1" || apiVersion.hasPrefix(ManifestFields.group),
            case .sequence(let items)? = root["items"]?.content
        else { return nil }
        return items
    }

    /// The documents that a root holds: its items if it is a list, else itself. Lists in lists are opened too.
    static func documents(in root: SourceNode) -> [SourceNode] {
        items(of: root).map { $0.flatMap(documents) } ?? [root]
    }
}

extension DocumentComposer.DuplicateKey {
    /// The same key, seen from an item of a list; nil if it is not in that item.
    func inItem(_ index: Int) -> Self? {
        guard path.starts(with: [.field("items"), .index(index)]) else { return nil }
        var own = self
        own.path.removeFirst(2)
        return own
    }
}
