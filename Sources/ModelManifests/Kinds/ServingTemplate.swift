import JSON
import SafeText

/// The part of a deployment whose change needs new instances: model (without `lineage`), runtime and resources.
///
/// `canonical` is the template *as written*, with references resolved but without defaults, as canonical JSON (keys sorted,
/// no white space). The typed fields contain the defaults that applied when it was read. A revision depends on
/// `canonical` only, so a newer mlctl with other defaults starts no rollout.
package struct ServingTemplate: Hashable, Codable, Sendable {
    /// All copies share one storage: the desired state, the record, the plan and the observed state contain the same template,
    /// and there are thousands of them.
    private final class Storage: Sendable {
        let model: ModelSource
        let runtime: Runtime
        let resources: Resources
        let canonical: String

        init(_ model: ModelSource, _ runtime: Runtime, _ resources: Resources, _ canonical: String) {
            self.model = model
            self.runtime = runtime
            self.resources = resources
            self.canonical = canonical
        }
    }

    private var storage: Storage

    package var model: ModelSource {
        get { storage.model }
        set { storage = Storage(newValue, runtime, resources, canonical) }
    }
    package var runtime: Runtime {
        get { storage.runtime }
        set { storage = Storage(model, newValue, resources, canonical) }
    }
    package var resources: Resources {
        get { storage.resources }
        set { storage = Storage(model, runtime, newValue, canonical) }
    }
    package var canonical: String { storage.canonical }

    package init(model: ModelSource, runtime: Runtime, resources: Resources, canonical: String) {
        storage = Storage(model, runtime, resources, canonical)
    }

    private enum CodingKeys: String, CodingKey { case model, runtime, resources, canonical }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        storage = Storage(
            try fields.decode(ModelSource.self, forKey: .model), try fields.decode(Runtime.self, forKey: .runtime),
            try fields.decode(Resources.self, forKey: .resources), try fields.decode(String.self, forKey: .canonical))
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(model, forKey: .model)
        try fields.encode(runtime, forKey: .runtime)
        try fields.encode(resources, forKey: .resources)
        try fields.encode(canonical, forKey: .canonical)
    }

    /// The first 10 hex digits of SHA-256 over `canonical`.
    package var revision: Revision { Revision(of: canonical) }

    /// The template with its model files pinned: the digest becomes part of the revision.
    package func pinned(to digest: Digest) -> ServingTemplate {
        guard model.digest != digest else { return self }
        var model = model
        model.digest = digest
        return ServingTemplate(
            model: model, runtime: runtime, resources: resources,
            canonical: CanonicalJSON.setting(["model", "digest"], to: digest.description, in: canonical))
    }

    /// Compares what was written: two templates are equal even if they were read under different defaults.
    package static func == (left: ServingTemplate, right: ServingTemplate) -> Bool {
        left.storage === right.storage || left.canonical == right.canonical
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(canonical) }
}

/// Where a model's files are, and what is known about them.
package struct ModelSource: Hashable, Codable, Sendable {
    /// Shown to people. Where the manifest gives none, it is the last part of `storageUri`.
    package var version: String
    /// An address of a scheme of `StorageURI`. Nil where the runtime brings its own files.
    package var storageURI: String?
    package var digest: Digest?
    package var format: String?
    /// The model sources of the project's policy: where an alias may lead, and where files may come from. Nil allows every place.
    /// It is no part of what is written, so a change of the policy makes no revision and no other template.
    package var allowedSources: [String]?

    package init(version: String, storageURI: String? = nil, digest: Digest? = nil, format: String? = nil) {
        self.version = version
        self.storageURI = storageURI
        self.digest = digest
        self.format = format
    }

    package static func == (left: ModelSource, right: ModelSource) -> Bool {
        left.version == right.version && left.storageURI == right.storageURI && left.digest == right.digest
            && left.format == right.format
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(version)
        hasher.combine(storageURI)
        hasher.combine(digest)
        hasher.combine(format)
    }

    /// The folders of this machine that `file:` models may come from; nil allows every place that the store allows.
    package var allowedFolders: [String]? { allowedSources?.compactMap { ModelSourceRoot($0)?.folder } }

    /// Whether the files are found by a name in a registry, which leads to another address.
    package var isReference: Bool {
        ["models:", "runs:"].contains { storageURI?.hasPrefix($0) == true }
    }

    /// Whether the project's policy allows that the name leads to this address.
    package func mayLead(to uri: String) -> Bool {
        allowedSources.map { ModelSourceRoots($0.compactMap(ModelSourceRoot.init)).contains(uri) } ?? true
    }
}

/// `sha256:` and 64 lower-case hex digits.
package struct Digest: Hashable, Codable, Sendable, CustomStringConvertible {
    package let hex: String

    /// - Returns: nil unless `text` is `sha256:` followed by 64 hex digits.
    package init?(_ text: String) {
        guard text.hasPrefix("sha256:") else { return nil }
        let digits = text.dropFirst(7).lowercased()
        guard digits.utf8.count == 64, Hex.isHex(digits) else { return nil }
        hex = digits
    }

    package var description: String { "sha256:\(hex)" }
}
