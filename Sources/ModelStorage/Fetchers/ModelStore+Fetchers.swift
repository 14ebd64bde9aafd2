import Foundation

// Models that a program of the operator's fetches.
extension ModelStore {
    /// A model without a given digest. Only the program knows whether it changed, so every pin fetches it.
    func findFetched(
        _ location: FetcherLocation, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> ContentDigest {
        try await fetch(location, wanted: nil, report: report).digest
    }

    /// - Returns: the folder.
    func loadFetched(
        _ location: FetcherLocation, _ key: Key, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> String {
        let wanted = key.digest
        if let wanted, key.usesCache, let folder = try await cached(wanted, name: ModelCache.treeName) { return folder }
        return try await fetch(location, wanted: wanted, report: report).folder
    }

    private func fetch(
        _ location: FetcherLocation, wanted: ContentDigest?, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> (digest: ContentDigest, folder: String) {
        guard let fetcher = fetchers[location.name] else {
            throw StorageError(
                .unsupported,
                "\(location) needs the fetcher '\(location.name)', which the settings do not have. Add it to 'fetchers'."
            )
        }
        let (cache, limits) = (cache, limits)
        let staged = cache.stagingFolder()
        do {
            try await BlockingWork.run { _ in
                try cache.prepare()
                try cache.createFolder(staged)
                guard try FileCall.freeBytes(at: cache.root) > limits.minimumFreeBytes else {
                    throw StorageError(
                        .diskFull,
                        "The disk of \(cache.root) has less than the reserve of \(SizeText.of(limits.minimumFreeBytes)) free, so "
                            + "\(location) is not fetched. Free disk space.")
                }
            }
            try await fetcher.fetch(location.address, into: staged, progress: report)
            let date = now()
            return try await BlockingWork.run { cancellation in
                // This follows each link: none may lead out of the folder, or to nothing.
                let tree = try FileTree(scanning: staged, limits: limits, cancellation: cancellation)
                guard !tree.entries.isEmpty else {
                    throw StorageError(
                        .notFound, "The fetcher '\(location.name)' brought no files for \(location). Check the address."
                    )
                }
                let digest = try tree.digest(cancellation: cancellation)
                guard wanted == nil || wanted == digest else {
                    throw StorageError(
                        .digestMismatch,
                        "\(location) holds \(digest), but \(wanted?.description ?? "") is required. Correct the digest, or name "
                            + "the version that has it.")
                }
                for entry in tree.entries {
                    guard case .file(let isExecutable) = entry.kind else { continue }
                    let file = "\(staged)/\(entry.path)"
                    guard chmod(file, isExecutable ? 0o555 : 0o444) == 0 else {
                        throw FileCall.failure("writing", file)
                    }
                    try FileCall.synchronise(file)
                }
                let folder = try cache.publish(
                    staged, digest: digest, name: ModelCache.treeName, bytes: tree.totalBytes, now: date)
                return (digest, folder)
            }
        } catch {
            // An error is ignored: `removeLeftovers` removes the rest later.
            try? cache.remove(staged)
            throw error
        }
    }
}
