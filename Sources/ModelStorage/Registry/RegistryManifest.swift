import Foundation

/// A manifest or an index of a registry. Pure.
struct RegistryManifest: Hashable, Sendable {
    struct Blob: Hashable, Sendable {
        var digest: ContentDigest
        var bytes: Int64
        var content: LayerPlan.Content
    }

    enum Document: Hashable, Sendable {
        case index(Index)
        case manifest(RegistryManifest)
    }

    struct Index: Hashable, Sendable {
        struct Entry: Hashable, Sendable {
            var digest: ContentDigest
            /// Such as `linux/amd64`; nil for an artifact without a platform.
            var platform: String?
        }

        var entries: [Entry]

        /// - Parameter platform: such as `linux/amd64`.
        /// - Returns: the entry for the platform, or the only one.
        func choose(_ platform: String) -> ContentDigest? {
            if let exact = entries.first(where: { $0.platform == platform }) { return exact.digest }
            return entries.count == 1 ? entries[0].digest : nil
        }
    }

    static let maximumBytes = 4 << 20
    static let maximumEntries = 10_000
    static let titleField = "org.opencontainers.image.title"
    /// ORAS marks a folder with it, which it packs.
    static let unpackField = "io.deis.oras.content.unpack"
    static let imageConfigs = [
        "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
    ]
    static let indexTypes = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let manifestTypes = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]
    static var accept: String { (manifestTypes + indexTypes).joined(separator: ", ") }

    static var platform: String {
        #if arch(arm64)
            "linux/arm64"
        #else
            "linux/amd64"
        #endif
    }

    var blobs: [Blob]
    var isImage: Bool

    var plan: LayerPlan { LayerPlan(contents: blobs.map(\.content), isImage: isImage) }

    private struct Descriptor: Decodable {
        struct Platform: Decodable {
            var architecture: String?
            var os: String?
        }

        var mediaType: String?
        var digest: String
        var size: Int64
        var platform: Platform?
        var annotations: [String: String]?
    }

    private struct File: Decodable {
        var schemaVersion: Int
        var mediaType: String?
        var config: Descriptor?
        var layers: [Descriptor]?
        var manifests: [Descriptor]?
    }

    /// - Throws: `ArchiveFault`, whose reason completes "The manifest cannot be used: …".
    static func read(_ bytes: [UInt8]) throws(ArchiveFault) -> Document {
        guard bytes.count <= maximumBytes, let file = try? JSONDecoder().decode(File.self, from: Data(bytes)) else {
            throw ArchiveFault(
                code: .protocolError, reason: "it is no manifest of OCI or Docker",
                advice: "Check the registry's address.")
        }
        guard file.schemaVersion == 2 else {
            throw ArchiveFault(
                code: .unsupported, reason: "it has schema version \(file.schemaVersion)",
                advice: "Push the model again with a current program.")
        }
        if let manifests = file.manifests, file.layers == nil {
            guard manifests.count <= maximumEntries else { throw tooLarge }
            var entries: [Index.Entry] = []
            for item in manifests {
                // Attestations about the other entries are listed beside them.
                if item.annotations?["vnd.docker.reference.type"] != nil { continue }
                let platform = item.platform.map { "\($0.os ?? "unknown")/\($0.architecture ?? "unknown")" }
                if platform == "unknown/unknown" { continue }
                entries.append(Index.Entry(digest: try digest(item), platform: platform))
            }
            return .index(Index(entries: entries))
        }
        guard let layers = file.layers, !layers.isEmpty, layers.count <= maximumEntries else {
            guard file.layers?.isEmpty != false else { throw tooLarge }
            throw ArchiveFault(reason: "it has no layers", advice: "Push the model's files as layers.")
        }
        let hasTitles = layers.contains { title($0) != nil }
        let isImage = !hasTitles && imageConfigs.contains(file.config?.mediaType ?? "")
        var blobs: [Blob] = []
        for layer in layers {
            // As for ORAS: beside layers with titles, others are not files of the artifact.
            if hasTitles, title(layer) == nil { continue }
            guard layer.size >= 0 else { throw damaged }
            blobs.append(Blob(digest: try digest(layer), bytes: layer.size, content: try content(layer)))
        }
        return .manifest(RegistryManifest(blobs: blobs, isImage: isImage))
    }

    private static func content(_ layer: Descriptor) throws(ArchiveFault) -> LayerPlan.Content {
        let type = (layer.mediaType ?? "").lowercased()
        let isPacked = ["+tar", "+gzip", ".tar", ".tar.gzip", ".tar+gzip"].contains { type.hasSuffix($0) }
        if let title = title(layer) {
            // ORAS gives a plain file the type of a tar archive where the user gives none.
            let isOrasDefault = type == "application/vnd.oci.image.layer.v1.tar"
            let says = layer.annotations?[unpackField]
            return says == "true" || says == nil && isPacked && !isOrasDefault && !type.hasSuffix(".tar")
                ? .archive : .file(path: title)
        }
        guard isPacked || type.hasSuffix("tar+zstd") else {
            throw ArchiveFault(
                reason: "a layer of the type '\(type.prefix(100))' has no title, so its file has no name",
                advice: "Push it with a program that writes titles, such as `mlctl push` or `oras push`.")
        }
        return .archive
    }

    private static func title(_ layer: Descriptor) -> String? {
        layer.annotations?[titleField].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func digest(_ item: Descriptor) throws(ArchiveFault) -> ContentDigest {
        guard let digest = try? ContentDigest(item.digest) else {
            throw ArchiveFault(
                code: .unsupported, reason: "'\(item.digest.prefix(100))' in it is no SHA-256 digest",
                advice: "Push the model with SHA-256.")
        }
        return digest
    }

    private static var damaged: ArchiveFault {
        ArchiveFault(code: .protocolError, reason: "a layer's size is negative", advice: "Check the registry.")
    }

    private static var tooLarge: ArchiveFault {
        ArchiveFault(
            code: .tooLarge, reason: "it has more than \(maximumEntries) layers", advice: "Pack the files into fewer.")
    }
}
