import Foundation
import Synchronization

// Models that a store lists: folders in buckets and hubs.
extension ModelStore {
    static let listingAttempts = 3

    /// A model without a given digest. It is downloaded if its listing changed since last time.
    func findRemote(
        _ remote: RemoteLocation, uri: String, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> ContentDigest {
        let memo = cache.memos.memo(for: uri)
        let known = try memo.map { memo throws(StorageError) in try ContentDigest(memo.digest) }
        return try await whileUnchanged(remote) { listing in
            if let known, let identity = listing.identity, memo?.listing == identity {
                return known
            }
            let arrival = try await fetch(listing, uri: uri, report: report)
            _ = try await publish(arrival)
            try? cache.memos.save(PinMemo(listing: listing.identity, digest: arrival.digest), for: uri)
            return arrival.digest
        }
    }

    /// - Returns: the folder.
    func loadRemote(
        _ remote: RemoteLocation, _ key: Key, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> String {
        let uri = key.uri
        guard let digest = key.digest else {
            // This goes through the shared loads, because two of them must not write to the same partial files.
            let found = try await pin(uri: uri, progress: report)
            return try await materialise(uri: uri, digest: found, progress: report).path
        }
        for name in [ModelCache.treeName] + (remote.fileName.map { [ModelCache.place(ofFile: $0)] } ?? [])
        where key.usesCache {
            if let folder = try await cached(digest, name: name) { return folder }
        }
        return try await whileUnchanged(remote) { listing in
            let arrival = try await fetch(listing, uri: "\(uri)\n\(digest.hex)", report: report)
            guard arrival.digest == digest else {
                arrival.discard(cache)
                throw StorageError(
                    .digestMismatch,
                    "\(remote) holds \(arrival.digest), but \(digest) is required. Correct the digest, or the files in "
                        + "the store.")
            }
            return try await publish(arrival)
        }
    }

    /// Lists the model, and lists it again if it changes while it is fetched.
    private func whileUnchanged<Value: Sendable>(
        _ remote: RemoteLocation, _ body: (RemoteListing) async throws -> Value
    ) async throws -> Value {
        for _ in 1..<Self.listingAttempts {
            do {
                return try await body(try await list(remote))
            } catch let error as StorageError where error.code == .changing {
                logger.info(
                    "the model changed while it was fetched; it is listed again", metadata: ["model": "\(remote)"])
            }
        }
        return try await body(try await list(remote))
    }

    func list(_ remote: RemoteLocation) async throws -> RemoteListing {
        switch remote {
        case .s3(let location):
            try await S3Store(
                location: location, environment: environment, identity: aws, caller: caller, limits: limits
            ).list()
        case .hub(let location):
            try await HubStore(location: location, environment: environment, caller: caller, limits: limits).list()
        case .google(let location):
            try await GoogleStore(
                location: location, environment: environment, identity: google, caller: caller, limits: limits
            ).list()
        case .azure(let location):
            try await AzureStore(
                location: location, environment: environment, caller: caller, limits: limits, identity: azure
            ).list()
        case .listing(let folder): try await folder.list(caller, limits: limits)
        case .mlflow(let artifacts): try await mlflow.list(artifacts)
        case .registry(let location): try await registry(location).list()
        }
    }

    // MARK: - Fetching

    /// All files of a model, on disk and verified as far as the store says what they are.
    private struct Arrival: Sendable {
        var tree: FileTree
        var digest: ContentDigest
        var isSingleFile: Bool
        /// In the order of the tree's entries; of layers, in the order of the manifest.
        var downloads: [WebDownload]
        /// A folder in the cache's staging area, which was made of layers.
        var assembled: String?

        func discard(_ cache: ModelCache) {
            for download in downloads { download.discard() }
            // An error is ignored: `removeLeftovers` removes the rest later.
            if let assembled { try? cache.remove(assembled) }
        }
    }

    private func fetch(
        _ listing: RemoteListing, uri: String, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> Arrival {
        let tally = TransferTally(totalBytes: listing.totalBytes, report: report)
        let downloads = listing.files.map { file in
            WebDownload(
                location: file.location, isVerified: file.isFixed, known: nil, limits: limits,
                path: cache.partialPath(uri: "\(uri)\n\(file.path)\n\(file.identity)", digest: file.digest),
                access: listing.access, listedTag: file.tag, isListed: true
            ) { tally.take($0.bytes, of: file.path) }
        }
        try await checkRoom(for: listing, downloads)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, (file, download)) in zip(listing.files, downloads).enumerated() {
                // The store has room for so many at once; more tasks would only wait.
                if index >= limits.maximumTransfersPerHost { _ = try await group.next() }
                group.addTask { try await self.fetch(file, download) }
            }
            try await group.waitForAll()
        }
        let files = Array(zip(listing.files, downloads))
        let contents = try await BlockingWork.run { cancellation in
            try files.map { file, download in
                let found = try FileCall.digest(of: download.path, cancellation: cancellation)
                guard file.digest == nil || file.digest == found else {
                    download.discard()
                    throw StorageError(
                        .changing, "\(file.location) was not sent as its store lists it: its content is \(found).")
                }
                return found
            }
        }
        if let plan = listing.layers { return try await assemble(downloads, plan, of: uri) }
        let tree = FileTree(
            root: "",
            files: try files.map { file, download in
                let bytes = Int64(try FileCall.status(of: download.path).st_size)
                return FileTree.Entry(path: file.path, kind: .file(isExecutable: false), bytes: bytes)
            })
        let digest = listing.isSingleFile ? contents[0] : tree.digest(contents: contents)
        return Arrival(tree: tree, digest: digest, isSingleFile: listing.isSingleFile, downloads: downloads)
    }

    private func fetch(_ file: RemoteFile, _ download: WebDownload) async throws {
        if let bytes = file.bytes, bytes > 0, file.tag != nil || file.digest != nil, download.bytesOnDisk == bytes {
            return
        }
        _ = try await run(download)
        guard file.bytes == nil || file.bytes == download.bytesOnDisk else {
            let found = download.bytesOnDisk
            download.discard()
            throw StorageError(
                .changing, "\(file.location) has \(found) bytes, but was listed with \(file.bytes ?? 0).")
        }
    }

    private func checkRoom(for listing: RemoteListing, _ downloads: [WebDownload]) async throws {
        guard let total = listing.totalBytes else { return }
        let (cache, limits) = (cache, limits)
        try await withRoom {
            try await BlockingWork.run { _ in
                try cache.prepare()
                let there = downloads.reduce(Int64(0)) { $0 + $1.bytesOnDisk }
                let free = try FileCall.freeBytes(at: cache.root) - limits.minimumFreeBytes
                guard total - there <= free else {
                    throw StorageError(
                        .diskFull,
                        "\(SizeText.of(total - there)) must be downloaded, but the disk of \(cache.root) has room for "
                            + "\(SizeText.of(max(free, 0))). Free disk space.")
                }
            }
        }
    }

    private func assemble(_ downloads: [WebDownload], _ plan: LayerPlan, of uri: String) async throws -> Arrival {
        let (cache, limits) = (cache, limits)
        let name = String(uri.prefix { $0 != "\n" })
        return try await withRoom {
            try await BlockingWork.run { cancellation in
                let folder = cache.stagingFolder()
                do {
                    let room = try FileCall.freeBytes(at: cache.root) - limits.minimumFreeBytes
                    var unpacking = Unpacking(
                        into: folder, name: name, limits: limits, roomBytes: room, cancellation: cancellation)
                    try unpacking.assemble(downloads.map(\.path), plan)
                    // This follows each link: none may lead out, or to nothing.
                    let tree = try FileTree(scanning: folder, limits: limits, cancellation: cancellation)
                    return Arrival(
                        tree: tree, digest: try tree.digest(cancellation: cancellation), isSingleFile: false,
                        downloads: downloads, assembled: folder)
                } catch {
                    try? cache.remove(folder)
                    if (error as? StorageError)?.retryClass == .terminal { for item in downloads { item.discard() } }
                    throw error
                }
            }
        }
    }

    /// - Returns: the folder.
    private func publish(_ arrival: Arrival) async throws -> String {
        if arrival.isSingleFile {
            return try await publish(
                arrival.downloads[0], digest: arrival.digest, name: arrival.tree.entries[0].path)
        }
        let (cache, date) = (cache, now())
        let folder = try await BlockingWork.run { _ in
            let staged = arrival.assembled ?? cache.stagingFolder()
            do {
                for (entry, download) in zip(arrival.tree.entries, arrival.downloads)
                where arrival.assembled == nil {
                    let file = "\(staged)/\(entry.path)"
                    try cache.createFolder((file as NSString).deletingLastPathComponent)
                    guard rename(download.path, file) == 0, chmod(file, 0o444) == 0 else {
                        throw FileCall.failure("writing", file)
                    }
                    try FileCall.synchronise(file)
                }
                return try cache.publish(
                    staged, digest: arrival.digest, name: ModelCache.treeName, bytes: arrival.tree.totalBytes, now: date
                )
            } catch {
                try? cache.remove(staged)
                throw error
            }
        }
        arrival.discard(cache)
        return folder
    }
}

/// Adds up the bytes of files that arrive at the same time.
private final class TransferTally: Sendable {
    private let totalBytes: Int64?
    private let report: @Sendable (TransferProgress) -> Void
    private let bytes = Mutex<(sum: Int64, files: [String: Int64])>((0, [:]))

    init(totalBytes: Int64?, report: @escaping @Sendable (TransferProgress) -> Void) {
        self.totalBytes = totalBytes
        self.report = report
    }

    func take(_ count: Int64, of file: String) {
        let sum = bytes.withLock { bytes in
            bytes.sum += count - (bytes.files[file] ?? 0)
            bytes.files[file] = count
            return bytes.sum
        }
        report(TransferProgress(bytes: sum, totalBytes: totalBytes))
    }
}
