/// The part of a deployment whose change needs new instances: model (without `lineage`), runtime and resources.
///
/// `canonical` is the template *as written*, references resolved, before defaults, as canonical JSON (keys sorted,
/// no white space). The typed fields carry the defaults that were in force when it was read. A revision is a
/// function of `canonical` alone, so that a newer mlctl with other defaults rolls nothing.
public struct ServingTemplate: Hashable, Codable, Sendable {
    public var model: ModelSource
    public var runtime: Runtime
    public var resources: Resources
    public private(set) var canonical: String

    public init(model: ModelSource, runtime: Runtime, resources: Resources, canonical: String) {
        self.model = model
        self.runtime = runtime
        self.resources = resources
        self.canonical = canonical
    }

    /// The first 10 hex digits of SHA-256 over `canonical`.
    public var revision: Revision { CanonicalJSON.revision(of: canonical) }

    /// The template with its mutable model files pinned: the digest found becomes part of what the revision covers.
    public func pinned(to digest: Digest) -> ServingTemplate {
        guard model.digest != digest else { return self }
        var pinned = self
        pinned.model.digest = digest
        pinned.canonical = CanonicalJSON.setting(["model", "digest"], to: digest.description, in: canonical)
        return pinned
    }

    /// Equality is of what was written: two templates are the same wish even if read under other defaults.
    public static func == (left: ServingTemplate, right: ServingTemplate) -> Bool {
        left.canonical == right.canonical
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(canonical) }
}

/// Where a model's files are, and what is known of them.
public struct ModelSource: Hashable, Codable, Sendable {
    /// Shown to people. Falls back to the last part of `storageUri` where the manifest gives none.
    public var version: String
    /// `file:` and `https:` on one machine, `https:`, `oci:`, `pvc:`, `s3:`, `gs:` and `hf:` in a cluster; nil when the runtime brings its own files.
    public var storageURI: String?
    public var digest: Digest?
    public var format: String?

    public init(version: String, storageURI: String? = nil, digest: Digest? = nil, format: String? = nil) {
        self.version = version
        self.storageURI = storageURI
        self.digest = digest
        self.format = format
    }
}

/// `sha256:` and 64 lower-case hex digits.
public struct Digest: Hashable, Codable, Sendable, CustomStringConvertible {
    public let hex: String

    /// - Returns: nil unless `text` is `sha256:` followed by 64 hex digits.
    public init?(_ text: String) {
        guard text.hasPrefix("sha256:") else { return nil }
        let digits = text.dropFirst(7).lowercased()
        guard digits.count == 64, digits.allSatisfy(\.isHexDigit) else { return nil }
        hex = digits
    }

    public var description: String { "sha256:\(hex)" }
}
