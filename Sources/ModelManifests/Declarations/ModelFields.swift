/// `spec.model` as written.
struct WrittenModel: Sendable {
    var source = ModelSource(version: "")
    var lineage: [String: String] = [:]
}

/// How `spec.model` is written.
enum ModelFields {
    static let shape = Shape<WrittenModel>.object(
        WrittenModel(),
        fields: [
            Field("version", .text(atMost: 256), "The version shown to people; by default the last part of storageUri.")
            {
                $0.source.version = $1
            },
            Field("storageUri", storageURI, "Where the model's files are: file: or https:.") {
                $0.source.storageURI = $1
            },
            Field("digest", digest, "sha256: and 64 hex digits; verified before the first start.") {
                $0.source.digest = $1
            },
            Field("format", .string(atMost: 256), "What the files hold, such as sklearn.") { $0.source.format = $1 },
            Field(
                "lineage", .dictionary(.text()),
                "Where the model came from; carried into the audit trail, never into the revision."
            ) { $0.lineage = $1 },
        ],
        rules: [.atLeastOne(["version", "storageUri"])],
        check: { model, _, _ in
            if model.source.version.isEmpty, let uri = model.source.storageURI {
                model.source.version = StorageURI.lastPart(of: uri)
            }
        })

    /// The model's part of the serving template: all but its lineage.
    static func canonical(_ node: SourceNode) -> JSONValue {
        guard case .object(var members) = shape.canonical(node) else { return .object([:]) }
        members["lineage"] = nil
        return .object(members)
    }

    private static let storageURI = Shape<String>.string().map { text, node, reading -> String? in
        guard let problem = StorageURI.problem(text) else { return text }
        reading.report(problem.message, at: node.place, suggestion: problem.suggestion)
        return nil
    }.schema(adding: ["pattern": "^(file|https):.+"])

    private static let digest = Shape<Digest>(
        read: { node, reading in
            if let digest = node.text.flatMap(Digest.init) { return digest }
            reading.report(
                "must be 'sha256:' and 64 hex digits, not \(node.shownInMessages)", at: node.place,
                suggestion: "sha256sum prints the digits")
            return nil
        },
        canonical: { node in node.text.flatMap(Digest.init).map { .string($0.description) } ?? .null },
        schema: { ["type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$"] })
}

/// Which URIs can be fetched.
enum StorageURI {
    private static let available = ["file", "https"]
    private static let later = ["s3", "gs", "hf", "oci", "pvc", "models"]

    /// - Returns: what is wrong with it; nil where nothing is.
    static func problem(_ uri: String) -> (message: String, suggestion: String?)? {
        guard let colon = uri.firstIndex(of: ":"), uri[..<colon].allSatisfy(\.isLetterOrDigit), colon > uri.startIndex
        else {
            return ("'\(uri.shortened)' has no scheme", "did you mean 'file:\(uri.shortened)'?")
        }
        let scheme = String(uri[..<colon])
        let rest = uri[uri.index(after: colon)...]
        if later.contains(scheme) {
            return ("storageUri scheme '\(scheme):' is not available in this version; use file: or https:", nil)
        }
        if scheme == "http" {
            return ("storageUri scheme 'http:' is not encrypted and is refused; use https:", nil)
        }
        guard available.contains(scheme) else {
            let known = (available + later).map { "\($0):" }
            return (
                "storageUri scheme '\(scheme.shortened):' is not known",
                DidYouMean.suggestion(for: scheme + ":", among: known, noun: "the schemes are")
            )
        }
        let path = rest.drop { $0 == "/" }
        if scheme == "https", !rest.hasPrefix("//") || path.isEmpty {
            return ("'\(uri.shortened)' names no host", "write it as https://HOST/PATH")
        }
        return path.isEmpty ? ("'\(uri.shortened)' names no file", "write it as file:PATH or file:///PATH") : nil
    }

    /// What follows the last slash, without query and fragment.
    static func lastPart(of uri: String) -> String {
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        let parts = path.split(separator: "/")
        return parts.last.map { part in String(parts.count == 1 ? part.drop { $0 != ":" }.dropFirst() : part) } ?? uri
    }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
