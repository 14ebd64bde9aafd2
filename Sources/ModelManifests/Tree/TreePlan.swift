/// Decides which files of a tree are read, the same for a commit and for a folder on disk.
package struct TreePlan: Sendable {
    package enum Kind: Hashable, Sendable { case file, symbolicLink, submodule }

    private static let endings = [Array(".yaml".utf8), Array(".yml".utf8)]
    /// What templates and encrypted files have after the name of the manifest that they stand for.
    private static let formEndings = [
        "tmpl", "tpl", "gotmpl", "template", "j2", "jinja", "jinja2", "erb", "age", "gpg", "pgp", "asc", "enc", "sops",
        "encrypted", "crypt", "secret",
    ].map { Array(".\($0)".utf8) }

    /// Whether a file's name is that of a manifest. Capital letters in its ending do not matter.
    package static func isManifest(_ path: some Collection<UInt8>) -> Bool {
        endings.contains { path.count > $0.count && hasEnding(path, $0) }
    }

    private static func hasEnding(_ path: some Collection<UInt8>, _ ending: [UInt8]) -> Bool {
        path.suffix(ending.count).elementsEqual(ending) { byte, wanted in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 == wanted : byte == wanted
        }
    }

    /// The manifest of which a file is a template or an encrypted form, by its name: `a.yaml` for `a.yaml.tmpl`. Such a file is not
    /// read.
    ///
    /// - Returns: nil for every other name.
    package static func original(of path: some Collection<UInt8>) -> String? {
        guard let ending = formEndings.first(where: { hasEnding(path, $0) }) else { return nil }
        let rest = path.dropLast(ending.count)
        return isManifest(rest) ? String(decoding: rest, as: UTF8.self) : nil
    }

    package static func original(of path: String) -> String? { original(of: Array(path.utf8)) }

    /// Whether a path may stand for a manifest that was at another one: its template or encrypted form, or a file of the same name
    /// elsewhere, also with a word before or after it: `team-a.yaml` or `x/a.yaml` for `a.yaml`.
    package static func isNamed(_ path: String, after manifest: String) -> Bool {
        if let original = original(of: path) { return original.utf8.elementsEqual(manifest.utf8) }
        guard isManifest(path) else { return false }
        let (own, wanted) = (stem(path), stem(manifest))
        return own == wanted || ["-", "_", "."].contains { own.hasPrefix(wanted + $0) || own.hasSuffix($0 + wanted) }
    }

    private static func stem(_ path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        return String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)])
    }

    package static func isManifest(_ path: String) -> Bool { isManifest(Array(path.utf8)) }

    /// Whether an entry matters: manifests, and whatever may stand where a manifest was.
    package static func matters(_ kind: Kind, _ path: some Collection<UInt8>) -> Bool {
        switch kind {
        case .file: isManifest(path) || IgnoreRules.isIgnoreFile(path) || original(of: path) != nil
        case .symbolicLink, .submodule: true
        }
    }

    package var ignoring: IgnoreRules

    package init(ignoring: IgnoreRules = IgnoreRules()) { self.ignoring = ignoring }

    /// Whether the entry is part of what mlctl reads. `.mlctlignore` files are read before, and are none of it.
    package func includes(_ kind: Kind, _ path: String) -> Bool {
        let isOnlyForIgnoring = IgnoreRules.isIgnoreFile(Array(path.utf8)) && !Self.isManifest(path)
        return !isOnlyForIgnoring && !ignoring.ignores(path, isFolder: kind == .submodule)
    }
}
