import JSON

/// `spec.model` as written.
struct WrittenModel: Sendable {
    var source = ModelSource(version: "")
    var lineage: [String: String] = [:]
}

/// The fields of `spec.model`.
enum ModelFields {
    static let shape = Shape<WrittenModel>.object(
        WrittenModel(),
        fields: [
            Field("version", version, "The version shown to people. Default: the last part of storageUri.") {
                $0.source.version = $1
            },
            Field(
                "storageUri", storageURI,
                "Where the model's files are. Local: file:, https:, s3:, gs:, az:, hf:, oci:, MLflow's models:, runs: and "
                    + "mlflow-artifacts:, or fetch+NAME: of the settings. In a cluster: the same without file: and fetch+NAME:, and pvc:."
            ) {
                $0.source.storageURI = $1
            },
            Field("digest", digest, "sha256: and 64 hex digits. Verified before the first start.") {
                $0.source.digest = $1
            },
            Field("format", .string(atMost: 256), "The format of the files, such as sklearn.") {
                $0.source.format = $1
            },
            Field(
                "lineage", .dictionary(.text()),
                "Where the model came from. Part of the audit trail, never of the revision."
            ) { $0.lineage = $1 },
        ],
        rules: [.atLeastOne(["version", "storageUri"])],
        check: { model, _, _ in
            if model.source.version.isEmpty, let uri = model.source.storageURI {
                model.source.version = StorageURI.lastPart(of: uri)
            }
        })

    /// The model's part of the serving template: everything except its lineage.
    static func canonical(_ node: SourceNode) -> JSONValue {
        guard case .object(var members) = shape.canonical(node) else { return .object([:]) }
        members["lineage"] = nil
        return .object(members)
    }

    /// It appears in terminals, logs and commit messages.
    private static let version = Shape<String>.text(atMost: 256).map { text, node, reading -> String? in
        guard let control = text.unicodeScalars.first(where: { $0.properties.generalCategory == .control }) else {
            return text
        }
        let code = String(control.value, radix: 16, uppercase: true)
        reading.report(
            "must not contain control characters, but has U+\(String(repeating: "0", count: 4 - code.count))\(code)",
            at: node.place, suggestion: "write the version as plain text on one line")
        return nil
    }.schema(adding: ["pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$"])

    private static let storageURI = Shape<String>.string().map { text, node, reading -> String? in
        guard let problem = StorageURI.problem(text) else { return text }
        reading.report(problem.message, at: node.place, suggestion: problem.suggestion)
        return nil
    }.schema(adding: ["pattern": .string(StorageURI.pattern)]).checkedByServer(StorageURI.staysInVolume)

    private static let digest = Shape<Digest>(
        read: { node, reading in
            if let digest = node.text.flatMap(Digest.init) { return digest }
            reading.report(
                "must be 'sha256:' and 64 hex digits, not \(node.shownInMessages)", at: node.place,
                suggestion: "run sha256sum to get the digits")
            return nil
        },
        canonical: { node in node.text.flatMap(Digest.init).map { .string($0.description) } ?? .null },
        schema: { ["type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$", "maxLength": 71] })
}
