import Foundation

/// A place that models may come from, with everything below it: a bucket, a host or a folder.
///
/// A URI that a client could read as another place is inside no root: one with `..`, a user name, characters that are
/// escaped twice, or back-slashes.
package struct ModelSourceRoot: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private let location: ModelLocation

    /// - Returns: nil where the text is not a `scheme:` with a place.
    package init?(_ text: String) {
        guard let location = ModelLocation(text) else { return nil }
        description = text
        self.location = location
    }

    package var scheme: String { location.scheme }

    /// For a `file:` root: the folder on this machine.
    package var folder: String? {
        scheme == "file" ? "/" + location.segments.joined(separator: "/") : nil
    }

    /// Why no model can be below this root; nil where one can, or where the scheme is wrong, which is reported elsewhere.
    var problem: (message: String, suggestion: String?)? {
        guard scheme != "file", !scheme.hasPrefix(StorageURI.fetcher), !StorageURI.mlflow.contains(scheme),
            StorageURI.problem(withScheme: scheme) == nil
        else {
            return nil
        }
        let form = "write it as \(StorageURI.form(of: scheme))"
        if location.authority.isEmpty {
            return (
                "'\(description.shortened)' names no \(StorageURI.noun(of: scheme)), so no model can be below it", form
            )
        }
        if description.contains("*") {
            return (
                "'\(description.shortened)' contains a '*', which is not a wildcard here",
                location.authority.contains("*")
                    ? "write one entry for each \(StorageURI.noun(of: scheme))"
                    : "leave it out: everything below an entry is allowed"
            )
        }
        if scheme == "pvc", !NameRules.isDNSSubdomain(location.authority) {
            return ("'\(location.authority.shortened)' is not the name of a claim, so no model can be below it", form)
        }
        return nil
    }

    package func contains(_ uri: String) -> Bool { ModelLocation(uri).map(contains) ?? false }

    fileprivate func contains(_ other: ModelLocation) -> Bool {
        other.scheme == location.scheme && other.authority == location.authority
            && other.segments.starts(with: location.segments)
    }

    /// What a URI below it begins with, where it is written as the root is; nil where that says nothing.
    fileprivate var plainBeginning: String? {
        guard description.hasSuffix("/"), let below = ModelLocation(description + "x"),
            below.scheme == location.scheme, below.authority == location.authority,
            below.segments == location.segments + ["x"], !location.authority.isEmpty || scheme == "file"
        else { return nil }
        return description
    }
}

/// All the roots of a policy. A URI is read once for all of them, and not at all where it is plainly below one.
struct ModelSourceRoots: Sendable {
    private let roots: [ModelSourceRoot]
    private let beginnings: [String]

    init(_ roots: [ModelSourceRoot]) {
        self.roots = roots
        beginnings = roots.compactMap(\.plainBeginning)
    }

    func contains(_ uri: String) -> Bool {
        for beginning in beginnings where uri.utf8.starts(with: beginning.utf8) {
            if Self.isPlain(uri.utf8.dropFirst(beginning.utf8.count)) { return true }
        }
        guard let location = ModelLocation(uri) else { return false }
        return roots.contains { $0.contains(location) }
    }

    /// Names with slashes between them, none of which begins with a dot: there is one way to read it.
    private static func isPlain(_ path: Substring.UTF8View) -> Bool {
        var before = UInt8(ascii: "/")
        for byte in path {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"):
                break
            case UInt8(ascii: ".") where before != UInt8(ascii: "/"): break
            default: return false
            }
            before = byte
        }
        return true
    }
}

/// The address of a model in normalized form.
private struct ModelLocation: Hashable {
    var scheme: String
    var authority: String
    var segments: [String]

    init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex,
            text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && $0 != "\\" })
        else { return nil }
        scheme = text[..<colon].lowercased()
        var rest = text[text.index(after: colon)...]
        authority = ""
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let host = rest.prefix { !"/?#".contains($0) }
            rest = rest.dropFirst(host.count)
            guard !host.contains("@") else { return nil }
            authority = Self.normal(String(host), scheme: scheme)
        } else if scheme == "file", !rest.hasPrefix("/") {
            return nil  // A relative path depends on the controller's working directory.
        }
        if scheme == "file", authority == "localhost" { authority = "" }
        guard scheme != "file" || authority.isEmpty else { return nil }
        segments = []
        let path = scheme == "file" ? rest : rest.prefix { !"?#".contains($0) }
        for raw in path.split(separator: "/") where raw != "." {
            guard let segment = raw.removingPercentEncoding, segment != "..", segment != ".",
                segment.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !"/%\\".unicodeScalars.contains($0) })
            else { return nil }
            segments.append(segment)
        }
        // A revision, which may have slashes, belongs to no name: a model is below its root at every revision.
        if scheme == "hf", let first = segments.first {
            let model = first.prefix { $0 != "@" && $0 != ":" }
            guard !model.isEmpty else { return nil }
            if model.utf8.count < first.utf8.count { segments = [String(model)] }
        }
        // An alias, a tag or a digest belongs to no name either.
        if scheme == "models", segments.count == 1, let mark = segments[0].lastIndex(of: "@") {
            segments = [String(segments[0][..<mark])]
        }
        if scheme == "oci", let last = segments.last {
            let name = last.prefix { $0 != "@" && $0 != ":" }
            guard !name.isEmpty else { return nil }
            segments[segments.count - 1] = String(name)
        }
        let mayBeBare = scheme == "file" || StorageURI.mlflow.contains(scheme)
        guard !authority.isEmpty || !segments.isEmpty || mayBeBare else { return nil }
    }

    /// Host names ignore case; the names of buckets, organizations and claims do not.
    private static func normal(_ host: String, scheme: String) -> String {
        guard scheme == "https" || scheme == "oci" else { return host }
        let lowered = host.lowercased()
        return scheme == "https" && lowered.hasSuffix(":443") ? String(lowered.dropLast(4)) : lowered
    }
}
