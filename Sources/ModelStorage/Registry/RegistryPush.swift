import Crypto
import Foundation
import Logging

/// Pushes a folder to a registry as an artifact: one layer for each file, titled with its path.
///
/// Layers that the registry has already are not sent. A layer is sent in one request, or in chunks if it is large. A connection
/// that breaks off restarts the layer.
package struct ModelPush: Sendable {
    package struct Result: Hashable, Sendable {
        /// The address with the manifest's digest, which never changes.
        package var pinned: String
        /// The digest that `model.digest` in a manifest of mlctl has for these files.
        package var files: String
        package var sentBytes: Int64
        package var presentBytes: Int64
    }

    package struct Step: Hashable, Sendable {
        package var path: String
        package var bytes: Int64
        package var wasPresent: Bool
    }

    /// A manifest is at most 4 MiB, and has some 300 bytes for each file.
    static let maximumFiles = 10_000
    static let artifactType = "application/vnd.mlctl.model.v1"
    static let layerType = "application/octet-stream"
    static let emptyType = "application/vnd.oci.empty.v1+json"
    static let attempts = 4

    private let environment: StoreEnvironment
    private let limits: StorageLimits
    /// Larger layers are sent in pieces of this size.
    private let chunkBytes: Int64
    private let now: @Sendable () -> Date

    package init(
        environment: StoreEnvironment = StoreEnvironment(), limits: StorageLimits = StorageLimits(),
        chunkBytes: Int64 = 64 << 20, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.environment = environment
        self.limits = limits
        self.chunkBytes = chunkBytes
        self.now = now
    }

    /// - Parameters:
    ///   - folder: an existing folder or file.
    ///   - uri: `oci://HOST/REPOSITORY:TAG`.
    ///   - progress: called after each file.
    /// - Throws: `StorageError`, `CancellationError`.
    package func push(
        _ folder: String, to uri: String, progress: @escaping @Sendable (Step) -> Void = { _ in }
    ) async throws -> Result {
        guard uri.hasPrefix("oci://") else {
            throw StorageError(
                .unsupported, "'\(WebLocation.redacted(uri))' is no registry. Write it as \(RegistryLocation.form).")
        }
        let location = try RegistryLocation(uri)
        guard case .tag = location.reference else {
            throw StorageError(
                .unsupported, "\(location) names a digest, which follows from the files. Name a tag instead.")
        }
        let work = FileManager.default.temporaryDirectory.appending(path: "mlctl-push-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: work) }
        let limits = limits
        let (tree, contents) = try await BlockingWork.run { cancellation in
            let tree = try FileTree(scanning: folder, limits: limits, cancellation: cancellation)
            return (tree, try tree.contents(cancellation: cancellation))
        }
        try check(tree, folder)
        let calls = RegistryCalls(
            location: location, environment: environment, limits: limits, work: work, chunkBytes: chunkBytes, now: now)
        var result = Result(pinned: "", files: "", sentBytes: 0, presentBytes: 0)
        for (entry, digest) in zip(tree.entries, contents) {
            let wasPresent = try await calls.put(tree.path(of: entry), bytes: entry.bytes, digest: digest)
            if wasPresent { result.presentBytes += entry.bytes } else { result.sentBytes += entry.bytes }
            progress(Step(path: entry.path, bytes: entry.bytes, wasPresent: wasPresent))
        }
        let empty = "\(work)/empty"
        try Data("{}".utf8).write(to: URL(fileURLWithPath: empty))
        _ = try await calls.put(empty, bytes: 2, digest: ContentDigest(of: "{}".utf8))
        let manifest = try Self.manifest(zip(tree.entries, contents).map { ($0.path, $0.bytes, $1) })
        let pinned = try await calls.putManifest(manifest)
        result.pinned = pinned.description
        // A fetched file is not executable, so the digest is that of the files without this mark.
        let plain = FileTree(
            root: tree.root,
            files: tree.entries.map { FileTree.Entry(path: $0.path, kind: .file(isExecutable: false), bytes: $0.bytes) }
        )
        result.files = plain.digest(contents: contents).description
        return result
    }

    private func check(_ tree: FileTree, _ folder: String) throws(StorageError) {
        guard !tree.entries.isEmpty else {
            throw StorageError(.notFound, "\(folder) holds no files. Name the folder of a model.")
        }
        guard tree.entries.count <= Self.maximumFiles else {
            throw StorageError(
                .tooLarge,
                "\(folder) has more than \(Self.maximumFiles) files, the limit for an artifact. Pack them into an archive, and "
                    + "push that.")
        }
        for entry in tree.entries {
            guard case .file = entry.kind else {
                throw StorageError(
                    .unusableTree,
                    "\(folder)/\(entry.path) is a symbolic link, which an artifact cannot hold. Replace it with the file."
                )
            }
        }
    }

    /// The manifest of an artifact. The same files give the same bytes.
    static func manifest(_ files: [(path: String, bytes: Int64, digest: ContentDigest)]) throws -> [UInt8] {
        struct Descriptor: Encodable {
            var mediaType: String
            var digest: String
            var size: Int64
            var annotations: [String: String]?
        }
        struct Manifest: Encodable {
            var schemaVersion = 2
            var mediaType = RegistryManifest.manifestTypes[0]
            var artifactType = ModelPush.artifactType
            var config: Descriptor
            var layers: [Descriptor]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let config = Descriptor(mediaType: emptyType, digest: "\(ContentDigest(of: "{}".utf8))", size: 2)
        let layers = files.map { file in
            Descriptor(
                mediaType: layerType, digest: "\(file.digest)", size: file.bytes,
                annotations: [RegistryManifest.titleField: file.path])
        }
        return Array(try encoder.encode(Manifest(config: config, layers: layers)))
    }
}

/// The calls of one push.
private struct RegistryCalls: Sendable {
    let location: RegistryLocation
    let environment: StoreEnvironment
    let limits: StorageLimits
    let work: String
    let chunkBytes: Int64
    let session: RegistrySession

    init(
        location: RegistryLocation, environment: StoreEnvironment, limits: StorageLimits, work: String,
        chunkBytes: Int64, now: @escaping @Sendable () -> Date
    ) {
        self.location = location
        self.environment = environment
        self.limits = limits
        self.work = work
        self.chunkBytes = chunkBytes
        session = RegistrySession(
            location, environment, caller: StoreCaller(limits: limits, folder: work), now: now)
    }

    /// - Returns: whether the registry had it already.
    func put(_ path: String, bytes: Int64, digest: ContentDigest) async throws -> Bool {
        try await repeating {
            let place = try location.address("blobs/\(digest)")
            if try await call("HEAD", place, accepts: [200, 404]).status == 200 { return true }
            let start = try await call(
                "POST", try location.address("blobs/uploads/"), fields: [("Content-Length", "0")], accepts: [202])
            var upload = try next(start)
            guard bytes > chunkBytes else {
                try await finish(upload, digest, WebUpload(path: path, bytes: bytes))
                return false
            }
            var offset: Int64 = 0
            while offset < bytes {
                let count = min(chunkBytes, bytes - offset)
                let head = try await call(
                    "PATCH", upload, fields: [("Content-Range", "\(offset)-\(offset + count - 1)")],
                    upload: WebUpload(path: path, offset: offset, bytes: count), accepts: [202])
                upload = try next(head)
                offset += count
            }
            try await finish(upload, digest, nil)
            return false
        }
    }

    private func finish(_ place: WebLocation, _ digest: ContentDigest, _ upload: WebUpload?) async throws {
        let mark = place.url.contains("?") ? "&" : "?"
        let end = try Self.location("\(place.url)\(mark)digest=\(PercentEncoding.strict("\(digest)"))")
        _ = try await call(
            "PUT", end, fields: upload == nil ? [("Content-Length", "0")] : [], upload: upload, accepts: [201])
    }

    func putManifest(_ manifest: [UInt8]) async throws -> RegistryLocation {
        let path = "\(work)/manifest"
        try Data(manifest).write(to: URL(fileURLWithPath: path))
        let digest = ContentDigest(of: manifest)
        return try await repeating {
            let head = try await call(
                "PUT", try location.address("manifests/\(location.name)"), type: RegistryManifest.manifestTypes[0],
                upload: WebUpload(path: path, bytes: Int64(manifest.count)), accepts: [201])
            if let said = head.contentDigest, said != digest.description {
                throw StorageError(
                    .digestMismatch,
                    "The registry \(location.host) keeps the manifest as \(said.prefix(100)), but \(digest) was sent. Check the "
                        + "registry.")
            }
            return location.pinned(to: digest)
        }
    }

    /// Where an upload goes on.
    private func next(_ head: ResponseHead) throws -> WebLocation {
        let base = try location.address("")
        guard let text = head.location, let url = URL(string: text, relativeTo: URL(string: base.url)) else {
            throw StorageError(
                .protocolError, "The registry \(location.host) does not say where to send a layer. Check the registry.")
        }
        return try Self.location(url.absoluteString)
    }

    private static func location(_ text: String) throws(StorageError) -> WebLocation { try WebLocation(text) }

    /// Tries again after a connection that broke off and after an error of the server.
    private func repeating<Value>(_ body: () async throws -> Value) async throws -> Value {
        var backoff = limits.firstBackoff
        for _ in 1..<ModelPush.attempts {
            do {
                return try await body()
            } catch let error as StorageError where error.code == .unreachable {
                try await Task.sleep(for: backoff)
                backoff = min(backoff * 2, limits.maximumBackoff)
            }
        }
        return try await body()
    }

    private func call(
        _ method: String, _ place: WebLocation, fields: [(String, String)] = [], type: String = ModelPush.layerType,
        upload: WebUpload? = nil, accepts: Set<Int>
    ) async throws -> ResponseHead {
        var fields = fields.map { WebField(name: $0.0, value: $0.1) }
        if upload != nil { fields.append(WebField(name: "Content-Type", value: type)) }
        var hasMet = false
        while true {
            let head = try await send(method, place, fields, upload)
            if accepts.contains(head.status) { return head }
            if head.status == 401, !hasMet, let challenge = RegistryChallenge(head.challenges) {
                hasMet = true
                try await session.meet(challenge)
                continue
            }
            if head.status == 429 || head.status >= 500 {
                throw StorageError(
                    .unreachable,
                    "The registry \(location.host) answered \(head.status). Try again later, and check the registry.")
            }
            throw RegistryRefusal(head: head).error(of: location)
                ?? StorageError(
                    .protocolError,
                    "The registry \(location.host) answered \(method) with \(head.status). Check the repository's name, and "
                        + "that it takes artifacts.")
        }
    }

    private func send(
        _ method: String, _ place: WebLocation, _ fields: [WebField], _ upload: WebUpload?
    ) async throws -> ResponseHead {
        let home = try location.address("")
        var request = TransferPlan.Request(location: place, fields: fields)
        request.method = method
        request.upload = upload
        // Another host, such as that of a bucket behind the registry, gets no credentials.
        if place.server == home.server, place.isEncrypted == home.isEncrypted {
            request.authorization = try await session.authorization()
        }
        let transfer = CurlTransfer(request: request, limits: limits, roomBytes: .max)
        let path = "\(work)/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let outcome = try await BlockingWork.run { cancellation in
            try transfer.run(into: path, cancellation: cancellation) { _ in
            } progress: { _ in
            }
        }
        switch outcome {
        case .answered(let head, _): return head
        case .broken(.failed(let error), _): throw error
        case .broken(.certificate(let words), _):
            throw StorageError(
                .untrusted,
                "The certificate of \(place.server) is not trusted (\(words)). Install the certificate of its authority."
            )
        case .broken(.connection(let words), _):
            throw StorageError(
                .unreachable, "\(place.server) could not be written to: \(words). Check the registry and the network.")
        case .broken(.tooLarge, _):
            throw StorageError(.tooLarge, "\(place.server) answered with too many bytes. Check the registry.")
        }
    }
}
